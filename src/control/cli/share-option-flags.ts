/** The options of shares as flags: `readOnly` is `--read-only` and `--no-read-only`. */
import type { ShareOptions } from '../../projections/share.ts'
import {
  defaultOf,
  expected,
  type OptionForm,
  type OptionName,
  optionNames,
  shareOptionForms,
} from '../share-option-forms.ts'
import { type OptionValues, UsageError } from './commands.ts'

export const flagOf = (name: OptionName): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const flagTypeOf = ({ type }: OptionForm) =>
  ({ type: type === 'boolean' ? 'boolean' : 'string' }) as const

export const optionFlags = Object.fromEntries(
  optionNames.map((name) => [flagOf(name), flagTypeOf(shareOptionForms[name])]),
)

type Units = Readonly<Record<string, number>>
const SIZES: Units = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }
const TIMES: Units = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 }

/** Suffixes of numbers, where there are any. */
const units: Partial<Record<OptionName, Units>> = {
  quota: SIZES,
  retain: TIMES,
  retainBytes: SIZES,
}

const hints: Partial<Record<OptionName, string>> = {
  quota: 'Suffixes: K, M, G, T.',
  retain: 'Suffixes: m, h, d.',
  retainBytes: 'Suffixes: K, M, G, T.',
  allow: 'Separated by commas.',
}

/** The options that were given. Throws UsageError for what they cannot be. */
export function optionsFrom(values: OptionValues): Partial<ShareOptions> {
  const given = optionNames.flatMap((name) => {
    const value = values[flagOf(name)]
    return value === undefined ? [] : [[name, parsedOption(name, value)] as const]
  })
  return Object.fromEntries(given)
}

function parsedOption(name: OptionName, value: string | boolean): unknown {
  const form = shareOptionForms[name]
  if (typeof value === 'boolean') return value
  switch (form.type) {
    case 'integer':
      return amount(name, value)
    case 'array':
      return value.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]))
    case 'string':
      if (form.enum.includes(value)) return value
      throw new UsageError(`--${flagOf(name)}: one of ${expected(name)} expected`)
    case 'boolean':
      return value === 'true'
  }
}

function amount(name: OptionName, value: string): number {
  const match = /^(\d+)([a-z]?)$/i.exec(value)
  const unit = (units[name] ?? { '': 1 })[(match?.[2] ?? '').toLowerCase()]
  const n = Number(match?.[1]) * (unit ?? Number.NaN)
  if (Number.isSafeInteger(n)) return n
  const hint = hints[name] === undefined ? '' : `. ${hints[name]}`
  throw new UsageError(`--${flagOf(name)}: ${expected(name)} expected${hint}`)
}

/** An option's value as people read it, and may write it. */
export function textOfOption(name: OptionName, value: unknown): string {
  if (typeof value === 'number') return textOfAmount(value, units[name])
  if (Array.isArray(value)) return value.length === 0 ? 'all' : value.join(',')
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}

/** In the largest unit in which it is a whole number. */
function textOfAmount(value: number, among: Units = {}): string {
  if (value === 0) return '0'
  const fitting = Object.entries(among).filter(([, factor]) => value % factor === 0)
  const [suffix, factor] = fitting.reduce((a, b) => (b[1] > a[1] ? b : a), ['', 1] as const)
  return `${value / factor}${among === SIZES ? suffix.toUpperCase() : suffix}`
}

/** Those that are not as they are by default. */
export function textOfChanges(options: ShareOptions): string {
  const changed = optionNames.filter(
    (name) => JSON.stringify(options[name]) !== JSON.stringify(defaultOf(name)),
  )
  return changed
    .map((name) => {
      const value = options[name]
      if (typeof value === 'boolean') return value ? flagOf(name) : `no-${flagOf(name)}`
      return `${flagOf(name)}=${textOfOption(name, value)}`
    })
    .join(' ')
}

export function optionFlagsHelp(): string {
  return optionNames
    .map((name) => {
      const { description } = shareOptionForms[name]
      const usual = textOfOption(name, defaultOf(name))
      const hint = hints[name] === undefined ? '' : ` ${hints[name]}`
      return `  --${flagOf(name)}${argumentOf(name)}  (${usual})\n      ${description}${hint}`
    })
    .join('\n')
}

function argumentOf(name: OptionName): string {
  const form = shareOptionForms[name]
  switch (form.type) {
    case 'boolean':
      return ''
    case 'string':
      return ` ${form.enum.join('|')}`
    case 'integer':
      return ' N'
    case 'array':
      return ' LIST'
  }
}
