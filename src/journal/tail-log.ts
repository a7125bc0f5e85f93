/**
 * The journal's tail before it is in LMDB: one file that is written from its beginning again and
 * again, each entry a frame with the small blocks of content that it names. To make a commit
 * durable takes one sync of bytes that the disk has room for already; what LMDB and the segments
 * need is done for many commits at a time, and then the file begins anew. docs/formats/tail-log.md.
 *
 *   0  magic 'DFST'           20  frame length       u32
 *   4  CRC-32 of all behind   24  number of writes   u32
 *   8  round             u64  28  reserved           u32
 *  16  length of all     u32  32  of each write: segment, offset, length (u32 each)
 *                                 the frame, then the bytes of the writes
 *
 * Big-endian. A round is named by the first seq of its first entry, which no other round has, so
 * what an earlier round left behind the end is not taken for more of this one.
 */
import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from '../content/disk.ts'
import type { SegmentWrite } from '../content/segment.ts'
import { MiB } from '../platform/limits.ts'

const NAME = 'tail.log'
const MAGIC = 0x44465354
const MAGIC_BYTES = Buffer.from('DFST', 'latin1')
const HEADER = 32
const WRITE = 12
const SIZE = 8 * MiB
/** Larger groups are worth the disk's time on the direct way. */
const ENTRY_MAX = MiB
/** Begin anew from here on. */
const FULL = SIZE - 2 * ENTRY_MAX

export interface TailEntry {
  /** As journals store it. */
  readonly frame: Buffer
  readonly writes: readonly SegmentWrite[]
}

/** Opens the file, which is made and filled with zeros when it is not there, or not all of it. */
function openFile(disk: Disk): DiskFile {
  const file = disk.list().includes(NAME) ? disk.open(NAME) : disk.create(NAME)
  const size = file.size()
  if (size < SIZE) {
    const zeros = Buffer.alloc(MiB)
    for (let at = size; at < SIZE; at += MiB) file.write([zeros.subarray(0, SIZE - at)], at)
    file.sync()
  }
  return file
}

export interface TailContent {
  /** The whole entries of the last round, in order. */
  readonly entries: readonly TailEntry[]
  /** Whole entries behind their end: of earlier rounds, or of this one behind damage. */
  readonly strays: readonly TailEntry[]
}

/** What the file has; nothing where there is none. */
export function readTail(disk: Disk): TailContent {
  if (!disk.list().includes(NAME)) return { entries: [], strays: [] }
  const file = disk.open(NAME)
  try {
    const all = Buffer.alloc(Math.min(SIZE, file.size()))
    file.read(all, 0)
    return contentOf(all)
  } finally {
    file.close()
  }
}

function contentOf(all: Buffer): TailContent {
  const entries: TailEntry[] = []
  let at = 0
  let round: number | undefined
  for (let found = wholeAt(all, at); found !== undefined; found = wholeAt(all, at)) {
    const its = found.readUInt32BE(8) * 2 ** 32 + found.readUInt32BE(12)
    round ??= its
    if (its !== round) break
    entries.push(entryOf(found))
    at += found.length
  }
  const strays: TailEntry[] = []
  for (at = all.indexOf(MAGIC_BYTES, at); at >= 0; at = all.indexOf(MAGIC_BYTES, at)) {
    const found = wholeAt(all, at)
    if (found !== undefined) strays.push(entryOf(found))
    at += found?.length ?? 1
  }
  return { entries, strays }
}

/** The bytes of a whole entry at `at`. */
function wholeAt(all: Buffer, at: number): Buffer | undefined {
  if (at + HEADER > all.length || all.readUInt32BE(at) !== MAGIC) return undefined
  const length = all.readUInt32BE(at + 16)
  if (length < HEADER || at + length > all.length) return undefined
  const bytes = all.subarray(at, at + length)
  return bytes.readUInt32BE(4) === crc32(bytes.subarray(8)) ? bytes : undefined
}

function entryOf(bytes: Buffer): TailEntry {
  const count = bytes.readUInt32BE(24)
  let at = HEADER + WRITE * count
  const frame = bytes.subarray(at, at + bytes.readUInt32BE(20))
  at += frame.length
  const writes: SegmentWrite[] = []
  for (let i = 0; i < count; i++) {
    const row = HEADER + WRITE * i
    const length = bytes.readUInt32BE(row + 8)
    const buffers = [bytes.subarray(at, at + length)]
    writes.push({ segment: bytes.readUInt32BE(row), at: bytes.readUInt32BE(row + 4), buffers })
    at += length
  }
  return { frame, writes }
}

const sizeOf = (buffers: readonly Buffer[]): number => {
  let size = 0
  for (const { length } of buffers) size += length
  return size
}

export class TailLog {
  private readonly file: DiskFile
  private round = 0
  private end = 0

  constructor(disk: Disk) {
    this.file = openFile(disk)
  }

  /** Whether it is time to begin anew. */
  get full(): boolean {
    return this.end >= FULL
  }

  /** Durable when it returns true; false: too large for here. `seq` is the frame's first. */
  append(seq: number, frame: Buffer, writes: readonly SegmentWrite[]): boolean {
    const table = HEADER + WRITE * writes.length
    let length = table + frame.length
    for (const { buffers } of writes) length += sizeOf(buffers)
    if (length > ENTRY_MAX) return false
    if (this.end === 0) this.round = seq
    const header = Buffer.allocUnsafe(table)
    header.writeUInt32BE(MAGIC, 0)
    header.writeUInt32BE(Math.floor(this.round / 2 ** 32), 8)
    header.writeUInt32BE(this.round % 2 ** 32, 12)
    header.writeUInt32BE(length, 16)
    header.writeUInt32BE(frame.length, 20)
    header.writeUInt32BE(writes.length, 24)
    header.writeUInt32BE(0, 28)
    const all = [header, frame]
    for (const [i, { segment, at, buffers }] of writes.entries()) {
      const row = HEADER + WRITE * i
      header.writeUInt32BE(segment, row)
      header.writeUInt32BE(at, row + 4)
      header.writeUInt32BE(sizeOf(buffers), row + 8)
      all.push(...buffers)
    }
    let checksum = crc32(header.subarray(8))
    for (let i = 1; i < all.length; i++) checksum = crc32(all[i] as Buffer, checksum)
    header.writeUInt32BE(checksum, 4)
    this.file.write(all, this.end)
    this.file.sync()
    this.end += length
    return true
  }

  /** All that was appended is where it belongs, for good. */
  beginAnew(): void {
    this.end = 0
  }

  close(): void {
    this.file.close()
  }
}
