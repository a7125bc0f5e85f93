/**
 * How one field of an event stands in the journal. Everything is plain msgpack, so that any reader
 * opens a journal: integers, strings, binary, arrays, nil and maps, no extension types.
 */
export type FieldKind =
  /** A number that is an integer up to 2^53-1. */
  | 'int'
  /** A name or a path: bytes, in memory a string of one character per byte (latin1). */
  | 'name'
  /** Opaque bytes, in memory the same kind of string: hashes, keys, verifiers. */
  | 'bytes'
  /** Unicode text. */
  | 'text'
  /** An instant or nothing. */
  | 'time?'
  | 'int?'
  | 'bytes?'
  | 'extents'
  | 'ints'
  /** A map of plain values, for what people configure. */
  | 'map'

export interface Extent {
  /** First byte of the file that it covers. */
  readonly offset: number
  /** Bytes, at least 1. */
  readonly length: number
  /** SHA-256 of the block as a string of 32 characters (latin1); empty for a hole. */
  readonly block: string
  /** Where the extent starts inside the block. */
  readonly blockOffset: number
}

/** By its length: to compare with a constant makes V8 look every new id up among all constants. */
export const isHole = (extent: Extent): boolean => extent.block.length === 0

export interface FieldTypes {
  int: number
  name: string
  bytes: string
  text: string
  'time?': { readonly sec: number; readonly nsec: number } | undefined
  'int?': number | undefined
  'bytes?': string | undefined
  extents: readonly Extent[]
  ints: readonly number[]
  map: Readonly<Record<string, unknown>>
}

/** Only ASCII is the same as msgpack's UTF-8 strings; anything else goes as binary. */
export function packName(name: string): string | Buffer {
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) > 0x7f) return Buffer.from(name, 'latin1')
  }
  return name
}

const packBytes = (bytes: string): Buffer => Buffer.from(bytes, 'latin1')

function packExtents(extents: readonly Extent[]): unknown[] {
  const flat: unknown[] = []
  for (const { offset, length, block, blockOffset } of extents) {
    flat.push(offset, length, block.length === 0 ? null : packBytes(block), blockOffset)
  }
  return flat
}

/** How each kind is packed; what is not listed is msgpack's own already. */
export const packers: Partial<Record<FieldKind, (value: never) => unknown>> = {
  name: packName,
  bytes: packBytes,
  'bytes?': (value: string | undefined) => (value === undefined ? null : packBytes(value)),
  'int?': (value: number | undefined) => value ?? null,
  'time?': (t: FieldTypes['time?']) => (t === undefined ? null : [t.sec, t.nsec]),
  extents: packExtents,
}

/** Thrown for a record or frame that is not what this version, or any before it, has written. */
export class JournalFormatError extends Error {
  override readonly name = 'JournalFormatError'
}

export function integer(value: unknown, what: string): number {
  const n = typeof value === 'bigint' ? Number(value) : value
  if (typeof n === 'number' && Number.isSafeInteger(n)) return n
  throw new JournalFormatError(`${what}: integer expected`)
}

function binary(value: unknown, what: string): string {
  if (value instanceof Buffer) return value.latin1Slice(0, value.length)
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.length).latin1Slice(0, value.length)
  }
  throw new JournalFormatError(`${what}: binary expected`)
}

export function list(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new JournalFormatError(`${what}: array expected`)
}

function time(value: unknown, what: string): { sec: number; nsec: number } {
  const [sec, nsec] = list(value, what)
  return { sec: integer(sec, what), nsec: integer(nsec, what) }
}

function unpackExtents(value: unknown, what: string): readonly Extent[] {
  const flat = list(value, what)
  if (flat.length % 4 !== 0) throw new JournalFormatError(`${what}: four values an extent`)
  const extents: Extent[] = []
  for (let i = 0; i < flat.length; i += 4) {
    extents.push({
      offset: integer(flat[i], what),
      length: integer(flat[i + 1], what),
      block: flat[i + 2] === null ? '' : binary(flat[i + 2], what),
      blockOffset: integer(flat[i + 3], what),
    })
  }
  return extents
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string') return value
  throw new JournalFormatError(`${what}: text expected`)
}

function map(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>
  }
  throw new JournalFormatError(`${what}: map expected`)
}

type Unpacker<T> = (value: unknown, what: string) => T

const maybe =
  <T>(unpack: Unpacker<T>): Unpacker<T | undefined> =>
  (value, what) =>
    value === null ? undefined : unpack(value, what)

/** `what` names the field in the error that anything but the expected shape is. */
export const unpackers: { readonly [K in FieldKind]: Unpacker<FieldTypes[K]> } = {
  int: integer,
  'int?': maybe(integer),
  name: (value, what) => (typeof value === 'string' ? value : binary(value, what)),
  bytes: binary,
  'bytes?': maybe(binary),
  text,
  'time?': maybe(time),
  extents: unpackExtents,
  ints: (value, what) => list(value, what).map((n) => integer(n, what)),
  map,
}
