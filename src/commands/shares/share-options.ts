/** What a share's options may be. */
import { isIP } from 'node:net'
import type { ShareOptions } from '../../projections/share.ts'

type Check = (value: unknown) => boolean

const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && values.includes(value)
const flag: Check = (value) => typeof value === 'boolean'
const id: Check = (value) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32
const amount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const networks: Check = (value) =>
  Array.isArray(value) && value.length <= 1000 && value.every((v) => isNetwork(v))

/** `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`. */
export function isNetwork(value: unknown): boolean {
  if (typeof value !== 'string') return false
  const [address = '', prefix, more] = value.split('/')
  const version = isIP(address)
  if (version === 0 || more !== undefined) return false
  if (prefix === undefined) return true
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128)
}

const checks: Readonly<Record<keyof ShareOptions, Check>> = {
  readOnly: flag,
  allow: networks,
  squash: oneOf('none', 'root', 'all'),
  anonUid: id,
  anonGid: id,
  securePorts: flag,
  durability: oneOf('durable', 'async'),
  audit: oneOf('writes', 'all'),
  atime: oneOf('relatime', 'none'),
  groups: oneOf('client', 'server'),
  history: oneOf('hidden', 'listed', 'off'),
  retain: amount,
  retainBytes: amount,
  quota: amount,
  frozen: flag,
}

/** The names of options that do not exist or have a value that they cannot have. */
export function invalidOptions(options: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(options)
    .filter(([name, value]) => checks[name as keyof ShareOptions]?.(value) !== true)
    .map(([name]) => name)
}
