import type { Answers, ShareAnswer } from '../answers.ts'
import { optionNames } from '../share-option-forms.ts'
import { ApiClient, apiHelp, apiOptions } from './api-client.ts'
import { type CliCommand, type CliGroup, UsageError } from './commands.ts'
import { numberFrom, theOne } from './operands.ts'
import {
  flagOf,
  optionFlags,
  optionFlagsHelp,
  optionsFrom,
  textOfChanges,
  textOfOption,
} from './share-option-flags.ts'
import { print, textPairs, textSize, textTable } from './text-table.ts'

const WHICH = 'NAME, the path that clients mount'

const pathOf = (name: string): string => `/v1/shares/${encodeURIComponent(name)}`

function shown({ id, name, options, inodes, bytes }: ShareAnswer): string {
  return textPairs([
    ['name', name],
    ['number', id],
    ['inodes', inodes],
    ['size', textSize(bytes)],
    ...optionNames.map((n) => [flagOf(n), textOfOption(n, options[n])] as const),
  ])
}

const create: CliCommand = {
  name: 'create',
  summary: 'make a share',
  usage: 'NAME [--mode MODE] [--uid N] [--gid N] [OPTIONS OF THE SHARE]',
  help: `NAME is the path that clients mount: /projects. Its root directory belongs to root and lets
everybody write, unless --mode (octal), --uid and --gid say otherwise.

${optionFlagsHelp()}

${apiHelp}`,
  options: {
    ...apiOptions,
    ...optionFlags,
    mode: { type: 'string' },
    uid: { type: 'string' },
    gid: { type: 'string' },
  },
  operands: true,
  run: async ({ values, positionals }) => {
    const name = theOne(positionals, WHICH)
    const { mode } = values
    const body = {
      name,
      options: optionsFrom(values),
      ...(mode !== undefined && { mode }),
      ...numberFrom(values, 'uid'),
      ...numberFrom(values, 'gid'),
    }
    const share = await new ApiClient(values).post<ShareAnswer>('/v1/shares', body)
    print(values, share, `created ${name}`)
    return 0
  },
}

const list: CliCommand = {
  name: 'list',
  summary: 'list the shares',
  usage: '[--json]',
  help: `With the options that are not as they are by default.\n\n${apiHelp}`,
  options: apiOptions,
  run: async ({ values }) => {
    const answer = await new ApiClient(values).get<Answers['shares']>('/v1/shares')
    const rows = answer.shares.map(({ name, inodes, bytes, options }) => [
      name,
      inodes,
      textSize(bytes),
      textOfChanges(options),
    ])
    print(values, answer, textTable(['NAME', 'INODES', 'SIZE', 'OPTIONS'], rows))
    return 0
  },
}

const show: CliCommand = {
  name: 'show',
  summary: 'show a share and all its options',
  usage: 'NAME [--json]',
  help: apiHelp,
  options: apiOptions,
  operands: true,
  run: async ({ values, positionals }) => {
    const name = theOne(positionals, WHICH)
    const share = await new ApiClient(values).get<ShareAnswer>(pathOf(name))
    print(values, share, shown(share))
    return 0
  },
}

const edit: CliCommand = {
  name: 'edit',
  summary: 'change options of a share',
  usage: 'NAME OPTIONS OF THE SHARE',
  help: `Options that are not named stay as they are. They hold from the next call of a client on.

${optionFlagsHelp()}

${apiHelp}`,
  options: { ...apiOptions, ...optionFlags },
  operands: true,
  run: async ({ values, positionals }) => {
    const name = theOne(positionals, WHICH)
    const options = optionsFrom(values)
    if (Object.keys(options).length === 0) {
      throw new UsageError('which option? dfsctl share edit --help lists them')
    }
    const share = await new ApiClient(values).patch<ShareAnswer>(pathOf(name), { options })
    print(values, share, shown(share))
    return 0
  },
}

const remove: CliCommand = {
  name: 'delete',
  summary: 'take a share out of service',
  usage: 'NAME',
  help: `Clients that have it mounted get errors from now on. What it was in the past stays readable
until its retention ends.

${apiHelp}`,
  options: apiOptions,
  operands: true,
  run: async ({ values, positionals }) => {
    const name = theOne(positionals, WHICH)
    await new ApiClient(values).delete(pathOf(name))
    print(values, { deleted: name }, `deleted ${name}`)
    return 0
  },
}

const freezing = (name: 'freeze' | 'thaw', summary: string, help: string): CliCommand => ({
  name,
  summary,
  usage: 'NAME',
  help: `${help}\n\n${apiHelp}`,
  options: apiOptions,
  operands: true,
  run: async ({ values, positionals }) => {
    const which = theOne(positionals, WHICH)
    const body = { options: { frozen: name === 'freeze' } }
    const share = await new ApiClient(values).patch<ShareAnswer>(pathOf(which), body)
    print(values, share, `${which} is ${name === 'freeze' ? 'frozen' : 'thawed'}`)
    return 0
  },
})

const FREEZE = `\
Clients can read on; whoever changes something waits until the share is thawed. For backups of
the disk below the data directory.`

export const shareCommands: CliGroup = {
  name: 'share',
  summary: 'make, list, change and delete shares',
  commands: [
    create,
    list,
    show,
    edit,
    remove,
    freezing('freeze', 'make changes of a share wait', FREEZE),
    freezing('thaw', 'let changes of a share go on', 'Ends dfsctl share freeze.'),
  ],
}
