import { compile } from '../wire/compile.ts'
import { Reader } from '../wire/reader.ts'
import type { Codec, Schema } from '../wire/schema.ts'
import { Writer } from '../wire/writer.ts'

/**
 * Rows in the store. A live row is `[valid from: 6 bytes][value]` under the key; a past one is
 * `[valid until: 6 bytes][value]` under the key with its 8 bytes of valid-from behind it. A row is
 * in force from the record that put it up to, not including, the one that replaced it. The highest
 * bit of a past one's is no part of that: it says that the row is a run (past-run.ts).
 */
export const SEQ = 6
export const KEY_MAX = 8 + 255 + 8
/** More than the largest row of the control plane (rows.ts). */
const VALUE_MAX = 4 << 20

// One of each serves a thread: rows are encoded and decoded without an await in between.
const writer = new Writer(4096, VALUE_MAX)
const reader = new Reader()

export class RowCodec<V> {
  private readonly codec: Codec<V>

  constructor(schema: Schema<V>) {
    this.codec = compile(schema)
  }

  /** A view that is valid until the next encode. */
  encode(seq: number, value: V): Buffer {
    writer.reset()
    const start = writer.take(SEQ)
    putSeq(writer.bytes, start, seq)
    this.codec.encode(writer, value)
    return writer.written()
  }

  decode(row: Buffer): V {
    reader.reset(row, SEQ, row.length)
    return this.codec.decode(reader)
  }
}

export function putSeq(bytes: Buffer, at: number, seq: number): void {
  const high = Math.floor(seq / 2 ** 32)
  bytes[at] = high >>> 8
  bytes[at + 1] = high
  bytes[at + 2] = seq >>> 24
  bytes[at + 3] = seq >>> 16
  bytes[at + 4] = seq >>> 8
  bytes[at + 5] = seq
}

/** Valid-from of a live row, valid-until of a past one. */
export function seqOfRow(row: Uint8Array): number {
  const high = (((row[0] as number) & 0x7f) << 8) | (row[1] as number)
  const low =
    ((row[2] as number) << 24) |
    ((row[3] as number) << 16) |
    ((row[4] as number) << 8) |
    (row[5] as number)
  return high * 2 ** 32 + (low >>> 0)
}

/** Makes a live row a past one. The bytes are the same, which must be the caller's own. */
export function pastRow(live: Buffer, until: number): Buffer {
  putSeq(live, 0, until)
  return live
}

/** The store's views carry their true length in `length` only: slice by it. */
export function copyRow(row: Buffer): Buffer {
  const { length } = row
  const copy = Buffer.allocUnsafe(length)
  row.copy(copy, 0, 0, length)
  return copy
}

/** The key of the version that was valid from `seq`. */
export function pastKey(key: Buffer, seq: number): Buffer {
  const past = Buffer.allocUnsafe(key.length + 8)
  past.set(key)
  past.writeUInt16BE(0, key.length)
  putSeq(past, key.length + 2, seq)
  return past
}

export const liveKeyOf = (past: Buffer): Buffer => past.subarray(0, past.length - 8)
export const fromOfPastKey = (past: Buffer): number => seqOfRow(past.subarray(past.length - 6))

/** Groups are numbers below 2^53: eight bytes, so that rows of a group are neighbours. */
export function putGroup(key: Buffer, group: number): void {
  key.writeUInt32BE(Math.floor(group / 2 ** 32), 0)
  key.writeUInt32BE(group % 2 ** 32, 4)
}

export const groupOfKey = (key: Buffer): number =>
  key.readUInt32BE(0) * 2 ** 32 + key.readUInt32BE(4)
