/** What was, and bringing it back: history, diff, restore and undo. */
import type { Difference } from '../../commands/past/diff.ts'
import type { PastVersion } from '../../commands/past/history.ts'
import type { Restored } from '../../commands/past/restore.ts'
import { ApiClient, apiHelp, apiOptions } from './api-client.ts'
import { type CliCommand, type OptionValues, UsageError } from './commands.ts'
import { momentHelp, pathHelp, splitMoment, theOne, those } from './operands.ts'
import { printLine } from './output.ts'
import { printable } from './printable.ts'
import { textSize } from './text-table.ts'

const query = (parts: Readonly<Record<string, string | undefined>>): string =>
  new URLSearchParams(
    Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ).toString()

const optionText = (values: OptionValues, name: string): string | undefined => {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/**
 * Prints each line as it comes: as JSON, or as people read it. Resolves to the number of those that
 * are to be counted.
 */
async function printLines<T>(
  values: OptionValues,
  lines: AsyncIterable<T>,
  textOf: (item: T) => string,
  counts: (item: T) => boolean = () => true,
): Promise<number> {
  let count = 0
  for await (const item of lines) {
    const text = values['json'] === true ? JSON.stringify(item) : textOf(item)
    await printLine(text)
    if (counts(item)) count += 1
  }
  return count
}

const quoted = (path: string): string =>
  /[\s"\p{Cc}\p{Cf}]/u.test(path) ? printable(JSON.stringify(path)) : path

export const historyCommand: CliCommand = {
  name: 'history',
  summary: 'every version of a path: when, who, from where and how',
  usage: 'PATH [--before SEQ] [--limit N] [--json]',
  help: `The last one first, followed across renames: a line a version, with its record, time, size,
who made it and from where, protocol and operation, and what it changed. What has the number in
front is found again as PATH@NUMBER, and over NFS below .history/@NUMBER.

${pathHelp}
  --before SEQ         only versions of records before this one
  --limit N            about so many (1000)

${apiHelp}`,
  options: { ...apiOptions, before: { type: 'string' }, limit: { type: 'string' } },
  operands: true,
  streams: true,
  run: async ({ values, positionals }) => {
    const path = theOne(positionals, 'PATH')
    const [before, limit] = [optionText(values, 'before'), optionText(values, 'limit')]
    const url = `/v1/history?${query({ path, before, limit })}`
    const versions = new ApiClient(values).lines<PastVersion>('GET', url)
    await printLines(values, versions, textOfVersion)
    return 0
  },
}

function textOfVersion(version: PastVersion): string {
  const { seq, time, size, user, client, operation, change, path, from } = version
  const where = from === undefined ? quoted(path) : `${quoted(from)} -> ${quoted(path)}`
  const columns = [
    `@${seq}`.padEnd(10),
    time.slice(0, 19).padEnd(19),
    textSize(size).padStart(10),
    user.padEnd(8),
    client.padEnd(15),
    operation.padEnd(12),
    change.padEnd(8),
  ]
  return `${columns.join('  ')}  ${where}`
}

export const diffCommand: CliCommand = {
  name: 'diff',
  summary: 'what differs between two moments of a share',
  usage: 'SHARE FROM [TO] [--json]',
  help: `A line for each difference: + added, - removed, > renamed, * modified, with the sizes and
the ranges of bytes that may differ (OFFSET+LENGTH). Without TO, how it is now.

${momentHelp}

${apiHelp}`,
  options: apiOptions,
  operands: true,
  streams: true,
  run: async ({ values, positionals }) => {
    const [share = '', from = '', to] = those(positionals, 2, 3, 'SHARE FROM [TO]')
    const url = `/v1/diff?${query({ share, from, to })}`
    const differences = new ApiClient(values).lines<Difference>('GET', url)
    await printLines(values, differences, textOfDifference)
    return 0
  },
}

const RANGES_SHOWN = 8

function textOfDifference(difference: Difference): string {
  const path = quoted(difference.path)
  switch (difference.kind) {
    case 'added':
      return `+ ${path}`
    case 'removed':
      return `- ${path}`
    case 'renamed':
      return `> ${quoted(difference.from)} -> ${path}`
    case 'modified': {
      const { size, ranges, attributes } = difference
      const sizes = size.from === size.to ? [] : [`size ${size.from} -> ${size.to}`]
      const shown = ranges.slice(0, RANGES_SHOWN).map((r) => `${r.offset}+${r.length}`)
      const more = ranges.length > RANGES_SHOWN ? [`and ${ranges.length - RANGES_SHOWN} more`] : []
      return ['*', path, ...sizes, ...shown, ...more, ...attributes].join(' ')
    }
  }
}

export const restoreCommand: CliCommand = {
  name: 'restore',
  summary: 'bring a path back as it was at a moment',
  usage: 'PATH@MOMENT [--to PATH] [--exact] [--json]',
  help: `Files, or directories with everything in them. Content comes back by reference: nothing is
copied, and it takes no space. What is there now and was not then stays, unless --exact.

${pathHelp}
${momentHelp}
  --to PATH            where to, in any share; else where it was
  --exact              remove what was not there then

${apiHelp}`,
  options: { ...apiOptions, to: { type: 'string' }, exact: { type: 'boolean' } },
  operands: true,
  run: async ({ values, positionals }) => {
    const [path, moment] = splitMoment(theOne(positionals, 'PATH@MOMENT'))
    const to = optionText(values, 'to')
    const exact = values['exact'] === true
    const body = { path, moment, exact, ...(to !== undefined && { to }) }
    let last: Restored | undefined
    for await (const report of new ApiClient(values).lines<Restored>('POST', '/v1/restore', body)) {
      last = report
    }
    if (last === undefined) throw new Error('the server does not say what it did')
    process.stdout.write(
      `${values['json'] === true ? JSON.stringify(last) : textOfRestored(last)}\n`,
    )
    for (const { path: failed, why } of last.failures) {
      process.stderr.write(`${failed === '' ? 'some of it' : quoted(failed)}: ${why}\n`)
    }
    return last.failed > 0 ? 1 : 0
  },
}

function textOfRestored({ objects, removed, bytes, failed }: Restored): string {
  const parts = [`brought back ${objects} (${textSize(bytes)}, none of it copied)`]
  if (removed > 0) parts.push(`removed ${removed}`)
  if (failed > 0) parts.push(`${failed} failed`)
  return parts.join(', ')
}

interface ShownStep {
  readonly action: string
  readonly path: string
  readonly from?: string
  readonly as: number
  readonly conflict?: { readonly seq: number; readonly user: string; readonly client: string }
  readonly result: string
}

export const undoCommand: CliCommand = {
  name: 'undo',
  summary: 'undo what a client or a user did to a share',
  usage: 'SHARE --since MOMENT [--client ADDRESS] [--user NAME] [--dry-run] [--force] [--json]',
  help: `Everything that they have touched since the moment becomes what it was before. What
somebody else has touched after them is a conflict: it is shown and left as it is, unless --force.
Without --client and --user everything since the moment is undone. The steps are new changes: they
have a history, and can be undone.

${momentHelp}
  --client ADDRESS     what came from there
  --user NAME          what this user did, by name or number
  --dry-run            show what would be done, and do nothing
  --force              also what is a conflict

Exit status 1 when something could not be undone.

${apiHelp}`,
  options: {
    ...apiOptions,
    since: { type: 'string' },
    client: { type: 'string' },
    user: { type: 'string' },
    'dry-run': { type: 'boolean' },
    force: { type: 'boolean' },
  },
  operands: true,
  run: async ({ values, positionals }) => {
    const share = theOne(positionals, 'SHARE')
    const [since, client, user] = ['since', 'client', 'user'].map((name) =>
      optionText(values, name),
    )
    if (since === undefined) throw new UsageError('--since MOMENT is needed')
    const body = {
      share,
      since,
      ...(client !== undefined && { client }),
      ...(user !== undefined && { user }),
      dryRun: values['dry-run'] === true,
      force: values['force'] === true,
    }
    const steps = new ApiClient(values).lines<ShownStep>('POST', '/v1/undo', body)
    const left = await printLines(values, steps, textOfStep, isLeft)
    return left > 0 ? 1 : 0
  },
}

const isLeft = ({ result }: ShownStep): boolean => result !== 'planned' && result !== 'done'

function textOfStep({ action, path, from, as, conflict, result }: ShownStep): string {
  const moved = from === undefined ? quoted(path) : `${quoted(from)} -> ${quoted(path)}`
  const by =
    conflict === undefined
      ? ''
      : `, changed by ${conflict.user} at ${conflict.client} @${conflict.seq}`
  return `${result.padEnd(9)} ${action} ${moved} (as of @${as}${by})`
}
