/** Parsing and help for command lines: one description of each command, from which both follow. */
import { parseArgs } from 'node:util'
import { nearest } from '../../platform/config.ts'

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
  readonly options: Readonly<Record<string, OptionType>>
  /** Resolves to the exit status; undefined: the process lives on. */
  readonly run: (call: CliCall) => Promise<number | undefined>
}

/** The command line is wrong; the message says how. Exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

function overview(program: string, about: string, commands: readonly CliCommand[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`)
  return `${program}: ${about}\n\n${rows.join('\n')}\n\n${program} COMMAND --help says more.\n`
}

/** Runs what the process was called with, and sets its exit status. */
export async function runCommands(
  program: string,
  about: string,
  commands: readonly CliCommand[],
): Promise<void> {
  const [name, ...args] = process.argv.slice(2)
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview(program, about, commands))
    process.exitCode = name === undefined ? 2 : 0
    return
  }
  const command = commands.find((c) => c.name === name)
  try {
    if (command === undefined) {
      const names = commands.map((c) => c.name)
      throw new UsageError(`no command ${name}; did you mean ${nearest(name, names)}?`)
    }
    const status = await runCommand(program, command, args)
    if (status !== undefined) process.exitCode = status
  } catch (error) {
    const usage = error instanceof UsageError
    process.stderr.write(`${program}: ${(error as Error).message}\n`)
    if (!usage && process.env['DEBUG']) process.stderr.write(`${(error as Error).stack}\n`)
    process.exit(usage ? 2 : 1)
  }
}

async function runCommand(
  program: string,
  command: CliCommand,
  args: readonly string[],
): Promise<number | undefined> {
  const { name, usage, help, summary, options } = command
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${program} ${name} ${usage}\n\n${summary}\n\n${help}\n`)
    return 0
  }
  return command.run(parse(args, options))
}

function parse(args: readonly string[], options: CliCommand['options']): CliCall {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
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
