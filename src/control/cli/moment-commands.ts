/** Labels, holds and forks. */
import type { ShareAnswer } from '../answers.ts'
import type { NamedMoment } from '../moment-of.ts'
import { ApiClient, apiHelp, apiOptions } from './api-client.ts'
import type { CliCommand, CliGroup } from './commands.ts'
import { momentHelp, splitMoment, theOne, those } from './operands.ts'
import { optionFlags, optionFlagsHelp, optionsFrom } from './share-option-flags.ts'
import { print, textTable } from './text-table.ts'

interface Words {
  readonly path: 'labels' | 'holds'
  readonly one: string
  readonly create: string
  readonly remove: string
  readonly about: string
}

const pathOf = (share: string, { path }: Words, name?: string): string =>
  `/v1/shares/${encodeURIComponent(share)}/${path}${
    name === undefined ? '' : `/${encodeURIComponent(name)}`
  }`

const creating = (words: Words): CliCommand => ({
  name: words.create,
  summary: `make a ${words.one} for a moment of a share`,
  usage: 'SHARE[@MOMENT] NAME [--json]',
  help: `${words.about}\nWithout MOMENT it is now.\n\n${momentHelp}\n\n${apiHelp}`,
  options: apiOptions,
  operands: true,
  run: async ({ values, positionals }) => {
    const [where = '', name = ''] = those(positionals, 2, 2, `SHARE[@MOMENT] NAME`)
    const [share, moment] = where.includes('@') ? splitMoment(where) : [where, 'now']
    const url = pathOf(share, words, name)
    const made = await new ApiClient(values).put<NamedMoment>(url, { moment })
    print(values, made, `${words.one} ${name} is ${share}@${made.seq}, ${made.time}`)
    return 0
  },
})

const listing = (words: Words): CliCommand => ({
  name: 'list',
  summary: `list the ${words.path} of a share`,
  usage: 'SHARE [--json]',
  help: apiHelp,
  options: apiOptions,
  operands: true,
  run: async ({ values, positionals }) => {
    const share = theOne(positionals, 'SHARE')
    const url = pathOf(share, words)
    const answer = await new ApiClient(values).get<Record<string, readonly NamedMoment[]>>(url)
    const rows = (answer[words.path] ?? []).map(({ name, seq, time, kept }) => [
      name,
      `@${seq}`,
      time,
      kept ? 'yes' : 'no',
    ])
    print(values, answer, textTable(['NAME', 'RECORD', 'TIME', 'KEPT'], rows))
    return 0
  },
})

const removing = (words: Words): CliCommand => ({
  name: words.remove,
  summary: `remove a ${words.one}`,
  usage: 'SHARE NAME',
  help: apiHelp,
  options: apiOptions,
  operands: true,
  run: async ({ values, positionals }) => {
    const [share = '', name = ''] = those(positionals, 2, 2, 'SHARE NAME')
    await new ApiClient(values).delete(pathOf(share, words, name))
    print(values, { removed: name }, `removed ${words.one} ${name}`)
    return 0
  },
})

const groupOf = (words: Words, summary: string): CliGroup => ({
  name: words.one,
  summary,
  commands: [creating(words), listing(words), removing(words)],
})

export const labelCommands = groupOf(
  {
    path: 'labels',
    one: 'label',
    create: 'create',
    remove: 'delete',
    about:
      'A label names a moment: .history/NAME. It does not keep the moment from being forgotten.',
  },
  'name moments of a share',
)

export const holdCommands = groupOf(
  {
    path: 'holds',
    one: 'hold',
    create: 'place',
    remove: 'release',
    about: `From its moment on nothing of the share is forgotten, whatever its retention says, until
the hold is released.`,
  },
  'keep the past of a share from being forgotten',
)

export const forkCommand: CliCommand = {
  name: 'fork',
  summary: 'make a share that begins as another one was at a moment',
  usage: 'SHARE[@MOMENT] NEWSHARE [OPTIONS OF THE SHARE]',
  help: `The new share can be mounted and written. It shares all content with the first until that
is changed, and keeps the moment that it stands on from being forgotten.

${momentHelp}

Options are those of SHARE, where they are not said here:

${optionFlagsHelp()}

${apiHelp}`,
  options: { ...apiOptions, ...optionFlags },
  operands: true,
  run: async ({ values, positionals }) => {
    const [where = '', name = ''] = those(positionals, 2, 2, 'SHARE[@MOMENT] NEWSHARE')
    const [share, moment] = where.includes('@') ? splitMoment(where) : [where, 'now']
    const url = `/v1/shares/${encodeURIComponent(share)}/forks`
    const body = { name, moment, options: optionsFrom(values) }
    const made = await new ApiClient(values).post<ShareAnswer>(url, body)
    print(values, made, `${name} begins as ${share}@${moment}: ${made.inodes} objects`)
    return 0
  },
}
