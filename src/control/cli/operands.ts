/** What stands behind a command of dfsctl. */
import { type OptionValues, UsageError } from './commands.ts'

/** The only operand. */
export function theOne(positionals: readonly string[], what: string): string {
  const [first, ...more] = positionals
  if (first === undefined || first === '') throw new UsageError(`${what}, is missing`)
  if (more.length > 0) throw new UsageError(`only ${what}, expected, but also got ${more[0]}`)
  return first
}

/** From `least` to `most` operands, which `usage` names. */
export function those(
  positionals: readonly string[],
  least: number,
  most: number,
  usage: string,
): readonly string[] {
  if (positionals.length < least || positionals.includes('')) {
    throw new UsageError(`${usage} expected`)
  }
  if (positionals.length > most) {
    throw new UsageError(`${usage} expected, but also got ${positionals[most]}`)
  }
  return positionals
}

export const pathHelp = `\
  PATH                 as clients mount it, /share/dir/file, or SHARE:/dir/file`

export const momentHelp = `\
  MOMENT               a label; a record, @1234; a time, 2026-11-23T06:00:00Z, of which parts may
                       be left out from the right; how long ago, 10m, 2h or 30d; or now`

/** `PATH@MOMENT`, at the last @ that does not belong to a record's number. */
export function splitMoment(text: string): readonly [path: string, moment: string] {
  const [, path = '', moment = ''] = /^(.*?)@(@?\d+|[^@]*)$/s.exec(text) ?? []
  if (path === '' || moment === '') {
    throw new UsageError(`${text}: the moment is missing; PATH@MOMENT expected`)
  }
  return [path, moment]
}

/** `{ uid: 1000 }` for `--uid 1000`, nothing without it. */
export function numberFrom(values: OptionValues, name: string): Record<string, number> {
  const value = values[name]
  if (value === undefined) return {}
  return { [name]: wholeNumber(name, value) }
}

export function numbersFrom(values: OptionValues, name: string): Record<string, number[]> {
  const value = values[name]
  if (value === undefined) return {}
  const parts = String(value).split(',')
  return { [name]: parts.flatMap((part) => (part === '' ? [] : [wholeNumber(name, part.trim())])) }
}

export function neededNumber(values: OptionValues, name: string): number {
  const value = values[name]
  if (value === undefined) throw new UsageError(`--${name} N is needed`)
  return wholeNumber(name, value)
}

function wholeNumber(name: string, value: string | boolean): number {
  if (typeof value === 'string' && /^\d{1,10}$/.test(value)) return Number(value)
  throw new UsageError(`--${name}: a number from 0 to 4294967294 expected`)
}
