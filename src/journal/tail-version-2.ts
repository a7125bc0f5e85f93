/**
 * Entries of the tail log's files as they were before each block had a checksum of its own. Read
 * once, by whoever opens a data directory after that.
 *
 *   4  CRC-32 of all behind   48  of each block: length u32, id 32 bytes
 *                                 the frame, then the bytes of the blocks; else as tail-entry.ts
 */
import { crc32 } from 'node:zlib'
import { claimedAt, ENTRY_HEADER, type LoggedBlock, type TailEntry } from './tail-entry.ts'

export const VERSION_2 = 2
const ROW = 36

/** The bytes of a whole entry at `at`; undefined when there is none. */
export function wholeAt2(...place: Parameters<typeof claimedAt>): Buffer | undefined {
  const bytes = claimedAt(...place)
  return bytes !== undefined && bytes.readUInt32BE(4) === crc32(bytes.subarray(8))
    ? bytes
    : undefined
}

/** What a whole entry holds, where it lies. */
export function entryOf2(bytes: Buffer): TailEntry {
  const count = bytes.readUInt32BE(24)
  let at = ENTRY_HEADER + ROW * count
  const frame = bytes.subarray(at, at + bytes.readUInt32BE(20))
  at += frame.length
  const blocks: LoggedBlock[] = []
  for (let i = 0; i < count; i++) {
    const row = ENTRY_HEADER + ROW * i
    const length = bytes.readUInt32BE(row)
    const id = bytes.latin1Slice(row + 4, row + ROW)
    blocks.push({ id, bytes: bytes.subarray(at, at + length), checksum: undefined })
    at += length
  }
  return { frame, blocks, segment: bytes.readUInt32BE(28) }
}
