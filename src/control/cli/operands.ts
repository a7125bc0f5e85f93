/** What stands behind a command of dfsctl. */
import { type OptionValues, UsageError } from './commands.ts'

/** The only operand. */
export function theOne(positionals: readonly string[], what: string): string {
  const [first, ...more] = positionals
  if (first === undefined || first === '') throw new UsageError(`${what}, is missing`)
  if (more.length > 0) throw new UsageError(`only ${what}, expected, but also got ${more[0]}`)
  return first
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
