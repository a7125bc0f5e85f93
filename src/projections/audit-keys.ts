/**
 * What records can be found by, as 32-bit hashes: docs/formats/audit-index.md. Two that are equal
 * by chance cost a look at records that do not match, never an answer.
 */

/** Never reuse one, never renumber: indexes on disk are made of them. */
export const keyKinds = {
  /** `textHash` of an address. */
  client: 1,
  uid: 2,
  /** A protocol operation, or `COMMAND` + a command. */
  what: 3,
  /** `refusals`, 0 when accepted. */
  result: 4,
  /** `textHash` of a share's name. */
  share: 5,
  /** `pathHash` of a path, and of each that leads to it. */
  path: 6,
  /** `textHash` of what an administrator was let in by. */
  actor: 7,
  /** Pairs: a query for both would otherwise look at every block in which each is met. */
  uidClient: 8,
  uidWhat: 9,
  uidResult: 10,
  clientWhat: 11,
  clientResult: 12,
  whatResult: 13,
} as const

/** Commands are told from operations by it. */
export const COMMAND = 0x10000
/** Stands for every refusal in keys with a result. */
export const ANY_REFUSAL = 0xffff

/** MurmurHash3's round. */
function mixed(hash: number, word: number): number {
  const once = Math.imul(word, 0xcc9e2d51)
  const twice = hash ^ Math.imul((once << 15) | (once >>> 17), 0x1b873593)
  return (Math.imul((twice << 13) | (twice >>> 19), 5) + 0xe6546b64) | 0
}

/** `a` and `b`: 32 bits each. */
export function auditKey(kind: number, a: number, b = 0): number {
  let hash = mixed(mixed(mixed(0, kind), a), b)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) | 0
}

const FNV_BASIS = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** FNV-1a over the characters of an address, a name or the like. */
export function textHash(text: string, from = FNV_BASIS): number {
  let hash = from
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME)
  return hash
}

const SLASH = 0x2f

/** Of the path of `name` in the directory whose hash is `parent`: FNV-1a over all of it. */
export const pathHash = (parent: number, name: string): number =>
  textHash(name, Math.imul(parent ^ SLASH, FNV_PRIME))

/** The same of a name that lies in `bytes` from `start` to `end`. */
export function pathHashOfBytes(parent: number, bytes: Buffer, start: number, end: number): number {
  let hash = Math.imul(parent ^ SLASH, FNV_PRIME)
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), FNV_PRIME)
  return hash
}

/** Of the path with no names in it. */
export const ROOT_HASH = FNV_BASIS

/** The names in a path; doubled and trailing slashes make none. */
export const namesIn = (path: string): string[] => path.split('/').filter((name) => name !== '')
