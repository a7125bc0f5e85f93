/**
 * The tail log as it was written before there were two files: one, `tail.log`, whose entries have
 * the bytes of segments instead of blocks. Read once, by whoever opens a data directory after that.
 *
 *   0  magic 'DFST'           24  number of writes  u32
 *   4  CRC-32 of all behind   28  the file's salt   16 bytes
 *   8  round             u64  44  of each write: segment, offset, length (u32 each)
 *  16  length of all     u32      the frame, then the bytes of the writes
 *  20  frame's length    u32
 */
import type { Disk, DiskFile } from '../content/disk.ts'
import { segmentName } from '../content/segment.ts'
import { allBehind, entriesIn, saltOf, type TailContent } from './tail-log.ts'
import { wholeAt2 } from './tail-version-2.ts'

export const NAME_1 = 'tail.log'
const VERSION = 1
const SALT_AT = 28
const HEADER = 44
const ROW = 12

interface SegmentWrite {
  readonly segment: number
  readonly at: number
  readonly bytes: Buffer
}

export interface Entry1 {
  readonly frame: Buffer
  readonly writes: readonly SegmentWrite[]
}

/** What the file has; nothing where there is none. Throws JournalFormatError. */
export function readTail1(disk: Disk): TailContent<Entry1> {
  const nothing = { entries: [], strays: [] }
  if (!disk.list().includes(NAME_1)) return nothing
  const file = disk.open(NAME_1)
  try {
    const salt = saltOf(file, VERSION)
    if (salt === undefined) return nothing
    const all = allBehind(file)
    const whole = (at: number) => wholeAt2(all, at, salt, HEADER, SALT_AT)
    const { found, strays } = entriesIn(all, salt, SALT_AT, whole)
    return { entries: found.map(entryOf), strays: strays.map(entryOf) }
  } finally {
    file.close()
  }
}

function entryOf(bytes: Buffer): Entry1 {
  const count = bytes.readUInt32BE(24)
  let at = HEADER + ROW * count
  const frame = bytes.subarray(at, at + bytes.readUInt32BE(20))
  at += frame.length
  const writes: SegmentWrite[] = []
  for (let i = 0; i < count; i++) {
    const row = HEADER + ROW * i
    const length = bytes.readUInt32BE(row + 8)
    const [segment, place] = [bytes.readUInt32BE(row), bytes.readUInt32BE(row + 4)]
    writes.push({ segment, at: place, bytes: bytes.subarray(at, at + length) })
    at += length
  }
  return { frame, writes }
}

/** Writes what segments may have lost. */
export function restore1(disk: Disk, entries: readonly Entry1[]): void {
  const there = new Set(disk.list())
  const files = new Map<string, DiskFile>()
  try {
    for (const { segment, at, bytes } of entries.flatMap(({ writes }) => writes)) {
      const name = segmentName(segment)
      let file = files.get(name)
      if (file === undefined) {
        file = there.has(name) ? disk.open(name) : disk.create(name)
        files.set(name, file)
      }
      file.write([bytes], at)
    }
    for (const file of files.values()) file.sync()
  } finally {
    for (const file of files.values()) file.close()
  }
}
