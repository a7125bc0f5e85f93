/** Parsing and help for command lines: one description of each command, from which both follow. */
import { parseArgs } from 'node:util'
import { nearest } from '../../platform/config.ts'
import { watchOutput } from './output.ts'
import { printable } from './printable.ts'

type OptionType = { readonly type: 'string' | 'boolean'; readonly short?: string }
export type OptionValues = Readonly<Record<string, string | boolean | undefined>>

export interface CliCall {
  readonly values: OptionValues
  readonly positionals: readonly string[]
}

export interface CliCommand {
  readonly name: string
  /** One line, in lower case. */
  readonly summary: string
  /** What may follow the name. */
  readonly usage: string
  readonly help: string
  /** Words that are no options may stand behind it; it checks them. */
  readonly operands?: true
  /** It prints for as long as somebody reads: it changes nothing, and finds nothing wrong. */
  readonly streams?: true
  /** A boolean one may also be given as --no-NAME. */
  readonly options: Readonly<Record<string, OptionType>>
  /** Resolves to the exit status; undefined: the process lives on. */
  readonly run: (call: CliCall) => Promise<number | undefined>
}

/** Commands about one thing: `dfsctl share create`. */
export interface CliGroup {
  readonly name: string
  readonly summary: string
  readonly commands: readonly CliCommand[]
}

type Entry = CliCommand | CliGroup

/** The command line is wrong; the message says how. Exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

function overview(path: string, about: string, entries: readonly Entry[]): string {
  const width = Math.max(...entries.map(({ name }) => name.length)) + 2
  const rows = entries.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`)
  return `${path}: ${about}\n\n${rows.join('\n')}\n\n${path} COMMAND --help says more.\n`
}

export interface Description {
  /** How it is called: `dfsctl share create`. */
  readonly path: string
  readonly usage: string
  readonly summary: string
  readonly help: string
  /** Names of options, without dashes. */
  readonly options: readonly string[]
}

/** Every command below `path`, for completion and documents: `dfs help --json`. */
function described(path: string, entries: readonly Entry[]): readonly Description[] {
  return entries.flatMap((entry) => {
    const below = `${path} ${entry.name}`
    if ('commands' in entry) return described(below, entry.commands)
    const { usage, summary, help, options } = entry
    return [{ path: below, usage, summary, help, options: Object.keys(options) }]
  })
}

const asksForHelp = (word: string | undefined): boolean =>
  word === '--help' || word === '-h' || word === 'help'

/**
 * Runs what the process was called with, and sets its exit status. `common`: options that all
 * commands have, and that may stand in front of them too.
 */
export async function runCommands(
  program: string,
  about: string,
  entries: readonly Entry[],
  common: CliCommand['options'] = {},
): Promise<void> {
  try {
    const { ahead, words } = optionsAhead(process.argv.slice(2), common)
    const status = await runEntry(program, about, entries, words, ahead)
    if (status !== undefined) process.exitCode = status
  } catch (error) {
    const usage = error instanceof UsageError
    const message = (error as Error).message.replaceAll(/\s*\n\s*/g, ' ')
    process.stderr.write(`${program}: ${printable(message)}\n`)
    if (!usage && process.env['DEBUG']) process.stderr.write(`${(error as Error).stack}\n`)
    process.exit(usage ? 2 : 1)
  }
}

function optionsAhead(
  words: readonly string[],
  common: CliCommand['options'],
): { readonly ahead: readonly string[]; readonly words: readonly string[] } {
  let taken = 0
  while (words[taken]?.startsWith('--')) {
    const [name = '', value] = (words[taken] as string).slice(2).split('=', 2)
    const option = Object.hasOwn(common, name) ? common[name] : undefined
    if (option === undefined) break
    taken += option.type === 'string' && value === undefined ? 2 : 1
  }
  return { ahead: words.slice(0, taken), words: words.slice(taken) }
}

/** `path`: the words that led here. `ahead`: options that stood in front of them. */
function runEntry(
  path: string,
  about: string,
  entries: readonly Entry[],
  words: readonly string[],
  ahead: readonly string[],
): Promise<number | undefined> {
  const [name, ...rest] = words
  if (asksForHelp(name) && rest.includes('--json')) {
    process.stdout.write(`${JSON.stringify(described(path, entries), undefined, 2)}\n`)
    return Promise.resolve(0)
  }
  if (name === undefined || asksForHelp(name)) {
    const stream = name === undefined ? process.stderr : process.stdout
    stream.write(overview(path, about, entries))
    return Promise.resolve(name === undefined ? 2 : 0)
  }
  if (name.startsWith('-')) {
    throw new UsageError(`${name} is no command; options come behind it: ${path} COMMAND ${name}`)
  }
  const entry = entries.find((e) => e.name === name)
  if (entry === undefined) {
    const near = nearest(
      name,
      entries.map((e) => e.name),
    )
    throw new UsageError(`no command ${path} ${name}; did you mean ${path} ${near}?`)
  }
  const below = `${path} ${name}`
  if ('commands' in entry) return runEntry(below, entry.summary, entry.commands, rest, ahead)
  return runCommand(below, entry, [...ahead, ...rest])
}

async function runCommand(
  path: string,
  { usage, help, summary, operands, streams, options, run }: CliCommand,
  args: readonly string[],
): Promise<number | undefined> {
  watchOutput(path.split(' ', 1)[0] as string, streams === true)
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${path} ${usage}\n\n${summary}\n\n${help}\n`)
    return 0
  }
  const call = parse(args, options)
  const [word] = call.positionals
  if (word !== undefined && operands !== true) {
    throw new UsageError(`${path} takes options only, but also got ${word}; --help lists them`)
  }
  return run(call)
}

function parse(args: readonly string[], options: CliCommand['options']): CliCall {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      allowNegative: true,
      strict: true,
    })
    return { values: values as OptionValues, positionals }
  } catch (error) {
    const unknown = /Unknown option '--([^']*)'/.exec((error as Error).message)
    if (unknown === null) throw new UsageError((error as Error).message)
    const near = nearest(unknown[1] ?? '', Object.keys(options))
    throw new UsageError(`no option --${unknown[1]}; did you mean --${near}?`)
  }
}
