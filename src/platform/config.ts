/**
 * The configuration: one table, from which the file, the environment, the flags, the help and
 * docs/guide/configuration.md all follow. Flags win over the environment, it over the file, that
 * over the defaults.
 */
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { parse } from 'smol-toml'
import { hostPattern } from './host-name.ts'
import { GiB, MiB } from './limits.ts'

type Kind = 'text' | 'hosts' | 'choice' | 'port' | 'count' | 'bytes' | 'flag'

interface Setting {
  readonly kind: Kind
  readonly fallback: string | number | boolean | readonly string[]
  /** The fallback in words, where it depends on the machine. */
  readonly usual?: string
  readonly about: string
  /** What a choice may be. */
  readonly choices?: readonly string[]
}

const PART_MIN = 32 * MiB

/** A part of the machine's memory, within bounds. */
const part = (divisor: number, atMost: number) => ({
  fallback: Math.max(PART_MIN, Math.min(atMost, Math.floor(totalmem() / divisor))),
  usual: `1/${divisor} of memory, at most ${textOf(atMost)}`,
})

const textOf = (bytes: number): string => `${bytes / MiB}M`

export const settings = {
  data: { kind: 'text', fallback: './data', about: 'directory that everything is kept in' },
  listen: { kind: 'text', fallback: '127.0.0.1', about: 'address to listen on' },
  'nfs-port': { kind: 'port', fallback: 12049, about: 'port of NFS and MOUNT; 0 takes a free one' },
  'api-port': { kind: 'port', fallback: 8080, about: 'port of the REST API; 0 takes a free one' },
  'api-hosts': {
    kind: 'hosts',
    fallback: [],
    usual: 'none',
    about: 'names of this server, under which /health and /metrics need no token',
  },
  portmap: { kind: 'flag', fallback: false, about: 'answer as portmapper on port 111 too' },
  'portmap-port': { kind: 'port', fallback: 111, about: 'port of the portmapper' },
  'log-level': {
    kind: 'choice',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    fallback: 'info',
    about: 'trace, debug, info, warn, error or silent',
  },
  'max-connections': { kind: 'count', fallback: 1024, about: 'TCP connections at a time' },
  'share-name': { kind: 'text', fallback: '/export', about: 'the share of a new data directory' },
  'share-durability': {
    kind: 'choice',
    choices: ['durable', 'async'],
    fallback: 'durable',
    about: 'of that first share: durable or async',
  },
  'share-squash': {
    kind: 'choice',
    choices: ['none', 'root', 'all'],
    fallback: 'root',
    about: 'of that first share: none, root or all',
  },
  'projection-memory': {
    kind: 'bytes',
    ...part(48, 96 * MiB),
    about: 'memory for rows of the tree',
  },
  'content-memory': {
    kind: 'bytes',
    ...part(32, 512 * MiB),
    about: 'memory for content that was read',
  },
  'staging-budget': {
    kind: 'bytes',
    ...part(16, 512 * MiB),
    about: 'written bytes that may wait before writers are slowed',
  },
  reserve: {
    kind: 'bytes',
    fallback: 64 * MiB,
    about: 'disk space that only deleting may use, so that a full disk can be emptied',
  },
} as const satisfies Readonly<Record<string, Setting>>

export type SettingName = keyof typeof settings
type ValueOf<S> = S extends { choices: readonly (infer C)[] }
  ? C
  : S extends { kind: 'text' }
    ? string
    : S extends { kind: 'hosts' }
      ? readonly string[]
      : S extends { kind: 'flag' }
        ? boolean
        : number
export type Config = { readonly [K in SettingName]: ValueOf<(typeof settings)[K]> }

/** What is wrong with the configuration, in words for who wrote it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const names = Object.keys(settings) as readonly SettingName[]
export const variableOf = (name: SettingName): string =>
  `DITTOFS_${name.toUpperCase().replaceAll('-', '_')}`

export interface ConfigSources {
  /** From the command line. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** A TOML file; undefined: none. */
  readonly file: string | undefined
}

export function loadConfig({ flags, environment, file }: ConfigSources): Config {
  const values: Record<string, unknown> = {}
  for (const name of names) values[name] = settings[name].fallback
  if (file !== undefined) Object.assign(values, fromFile(file))
  Object.assign(values, fromEnvironment(environment))
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue
    known(name, 'flag --')
    values[name] = parseValue(name as SettingName, value, `--${name}`)
  }
  return values as unknown as Config
}

function fromFile(file: string): Record<string, unknown> {
  let document: Record<string, unknown>
  try {
    document = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ConfigError(`${file}: ${(error as Error).message}`)
  }
  const values: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(document)) {
    known(name, `${file}: setting `)
    values[name] = parseValue(name as SettingName, value, `${file}: ${name}`)
  }
  return values
}

function fromEnvironment(environment: ConfigSources['environment']): Record<string, unknown> {
  const byVariable = new Map(names.map((name) => [variableOf(name), name]))
  const values: Record<string, unknown> = {}
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('DITTOFS_') || value === undefined || notOurs.has(variable)) continue
    const name = byVariable.get(variable)
    if (name === undefined) {
      throw new ConfigError(
        unknownMessage(`environment ${variable}`, variable, [...byVariable.keys()]),
      )
    }
    values[name] = parseValue(name, value, variable)
  }
  return values
}

/** Variables that are for the command line's client or for tests. */
const notOurs = new Set([
  'DITTOFS_API',
  'DITTOFS_TOKEN',
  'DITTOFS_CONFIG',
  'DITTOFS_FAULT',
  'DITTOFS_SEGMENT_BYTES',
])

function known(name: string, what: string): void {
  if (!(names as readonly string[]).includes(name)) {
    throw new ConfigError(unknownMessage(`${what}${name}`, name, names))
  }
}

function unknownMessage(what: string, name: string, candidates: readonly string[]): string {
  return `${what} is not known; did you mean ${nearest(name, candidates)}?`
}

export function nearest(name: string, candidates: readonly string[]): string {
  let best = candidates[0] ?? ''
  for (const candidate of candidates) {
    if (distance(name, candidate) < distance(name, best)) best = candidate
  }
  return best
}

/** Levenshtein's: edits that make one of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  m: MiB,
  g: GiB,
  t: 1024 * GiB,
}

function parseValue(name: SettingName, value: unknown, where: string): Setting['fallback'] {
  const { kind, choices = [] }: Setting = settings[name]
  const wrong = (expected: string) => new ConfigError(`${where}: ${expected} expected`)
  switch (kind) {
    case 'flag':
      if (value === true || value === 'true' || value === '1') return true
      if (value === false || value === 'false' || value === '0') return false
      throw wrong('true or false')
    case 'port':
      return wholeNumber(value, 65_535) ?? fail(wrong('a port'))
    case 'count':
      return wholeNumber(value, Number.MAX_SAFE_INTEGER) || fail(wrong('a number above 0'))
    case 'choice':
      if (choices.includes(value as string)) return value as string
      throw wrong(`one of ${choices.join(', ')}`)
    case 'hosts':
      return hostList(value) ?? fail(wrong('names such as nas.example, with commas between,'))
    case 'bytes':
      return size(value) ?? fail(wrong('a size such as 512M'))
    default:
      if (typeof value === 'string' && value !== '') return value
      throw wrong('text')
  }
}

function fail(error: Error): never {
  throw error
}

function wholeNumber(value: unknown, most: number): number | undefined {
  const n = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof n === 'number' && Number.isInteger(n) && n >= 0 && n <= most ? n : undefined
}

/** Of text with commas, or of a list in the file. */
function hostList(value: unknown): readonly string[] | undefined {
  const texts = Array.isArray(value) ? value : String(value).split(',')
  const hosts: string[] = []
  for (const text of texts) {
    const host = typeof text === 'string' ? hostPattern(text.trim()) : undefined
    if (host === undefined) return undefined
    hosts.push(host)
  }
  return hosts
}

function size(value: unknown): number | undefined {
  const match = /^(\d+)\s*([kmgt]?)(?:i?b)?$/i.exec(String(value))
  if (match === null) return undefined
  return Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] as number)
}

/** What a setting is when nobody sets it, as people write it. */
export function defaultText(name: SettingName): string {
  const { kind, fallback, usual }: Setting = settings[name]
  if (usual !== undefined) return usual
  return kind === 'bytes' ? textOf(Number(fallback)) : String(fallback)
}

/** A line for each setting, for help texts. */
export function settingsHelp(): string {
  const width = Math.max(...names.map((name) => name.length)) + 4
  return names
    .map((name) => {
      return `  ${`--${name}`.padEnd(width)} ${settings[name].about} (${defaultText(name)})`
    })
    .join('\n')
}
