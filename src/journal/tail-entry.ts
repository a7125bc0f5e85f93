/**
 * An entry of the tail log: a frame, and the small blocks of content that it names.
 * docs/formats/tail-log.md.
 *
 *   0  magic 'DFST'           24  number of blocks   u32
 *   4  CRC-32 of 8 … frame    28  segment            u32
 *   8  round             u64  32  the file's salt    16 bytes
 *  16  length of all     u32  48  of each block: length u32, id 32 bytes, CRC-32 of its bytes
 *  20  frame's length    u32      the frame, then the bytes of the blocks
 *
 * Big-endian. Whoever appends puts what it is about; the file adds where it lies.
 */
import { crc32 } from 'node:zlib'

export const ENTRY_MAGIC = 0x44465354
export const ENTRY_HEADER = 48
export const ENTRY_SALT = 32
/** Bytes of a salt. */
export const SALT = 16
const ID = 32
const CHECKSUM = 4 + ID
const ROW = CHECKSUM + 4

export interface TailBlock {
  /** SHA-256 of the bytes as a string of 32 characters (latin1). */
  readonly id: string
  readonly bytes: Buffer
}

/** As an entry has it. */
export interface LoggedBlock extends TailBlock {
  /** CRC-32 of the bytes that were logged, whatever they are by now; undefined: not known. */
  readonly checksum: number | undefined
}

export interface TailEntry {
  /** As journals store it. */
  readonly frame: Buffer
  readonly blocks: readonly LoggedBlock[]
  /** The lane of small blocks had no segment behind this one. */
  readonly segment: number
}

export function entrySize(frame: Buffer, blocks: readonly TailBlock[]): number {
  let size = ENTRY_HEADER + ROW * blocks.length + frame.length
  for (const { bytes } of blocks) size += bytes.length
  return size
}

/** Puts an entry at the start of `into`, which has `entrySize` bytes or more. Returns its size. */
export function putEntry(into: Buffer, frame: Buffer, blocks: readonly TailBlock[]): number {
  into.writeUInt32BE(ENTRY_MAGIC, 0)
  into.writeUInt32BE(frame.length, 20)
  into.writeUInt32BE(blocks.length, 24)
  let at = ENTRY_HEADER + ROW * blocks.length
  frame.copy(into, at)
  at += frame.length
  for (let i = 0; i < blocks.length; i++) {
    const { id, bytes } = blocks[i] as TailBlock
    const row = ENTRY_HEADER + ROW * i
    into.writeUInt32BE(bytes.length, row)
    into.latin1Write(id, row + 4, ID)
    bytes.copy(into, at)
    at += bytes.length
  }
  into.writeUInt32BE(at, 16)
  return at
}

/** First seq of the frame of an entry. */
export function firstSeqOf(entry: Buffer): number {
  const frame = ENTRY_HEADER + ROW * entry.readUInt32BE(24)
  return entry.readUInt32BE(frame + 16) * 2 ** 32 + entry.readUInt32BE(frame + 20)
}

/** Makes an entry whole. `round`: first seq of the first frame of its round. */
export function finishEntry(entry: Buffer, round: number, segment: number, salt: Buffer): void {
  entry.writeUInt32BE(Math.floor(round / 2 ** 32), 8)
  entry.writeUInt32BE(round % 2 ** 32, 12)
  entry.writeUInt32BE(segment, 28)
  salt.copy(entry, ENTRY_SALT)
  let at = headLength(entry)
  for (let row = ENTRY_HEADER; at < entry.length; row += ROW) {
    const length = entry.readUInt32BE(row)
    entry.writeUInt32BE(crc32(entry.subarray(at, at + length)), row + CHECKSUM)
    at += length
  }
  entry.writeUInt32BE(headChecksum(entry), 4)
}

export const roundOf = (entry: Buffer): number =>
  entry.readUInt32BE(8) * 2 ** 32 + entry.readUInt32BE(12)

/** Of what comes before the bytes of the blocks. */
const headLength = (entry: Buffer): number =>
  ENTRY_HEADER + ROW * entry.readUInt32BE(24) + entry.readUInt32BE(20)

const headChecksum = (entry: Buffer): number => crc32(entry.subarray(8, headLength(entry)))

/** The bytes of what may be an entry at `at`; undefined when it is none. */
export function claimedAt(
  all: Buffer,
  at: number,
  salt: Buffer,
  header = ENTRY_HEADER,
  saltAt = ENTRY_SALT,
): Buffer | undefined {
  if (at + header > all.length || all.readUInt32BE(at) !== ENTRY_MAGIC) return undefined
  if (!all.subarray(at + saltAt, at + saltAt + SALT).equals(salt)) return undefined
  const length = all.readUInt32BE(at + 16)
  return length < header || at + length > all.length ? undefined : all.subarray(at, at + length)
}

/**
 * The bytes of an entry at `at` that says what was written; undefined when there is none. Those of
 * its blocks are not looked at.
 */
export function entryAt(all: Buffer, at: number, salt: Buffer): Buffer | undefined {
  const entry = claimedAt(all, at, salt)
  if (entry === undefined || headLength(entry) > entry.length) return undefined
  return entry.readUInt32BE(4) === headChecksum(entry) ? entry : undefined
}

/** The bytes of a whole entry at `at`; undefined when there is none. */
export function wholeAt(all: Buffer, at: number, salt: Buffer): Buffer | undefined {
  const entry = entryAt(all, at, salt)
  if (entry === undefined) return undefined
  const { blocks } = entryOf(entry)
  return blocks.every(({ bytes, checksum }) => crc32(bytes) === checksum) ? entry : undefined
}

/** What an entry holds, where it lies. */
export function entryOf(bytes: Buffer): TailEntry {
  const count = bytes.readUInt32BE(24)
  let at = headLength(bytes)
  const frame = bytes.subarray(at - bytes.readUInt32BE(20), at)
  const blocks: LoggedBlock[] = []
  for (let i = 0; i < count; i++) {
    const row = ENTRY_HEADER + ROW * i
    const length = bytes.readUInt32BE(row)
    const id = bytes.latin1Slice(row + 4, row + CHECKSUM)
    const checksum = bytes.readUInt32BE(row + CHECKSUM)
    blocks.push({ id, bytes: bytes.subarray(at, at + length), checksum })
    at += length
  }
  return { frame, blocks, segment: bytes.readUInt32BE(28) }
}
