/**
 * The journal's tail before it is in LMDB: one file that is written from its beginning again and
 * again, each entry a frame with the small blocks of content that it names. To make a commit
 * durable takes one sync of bytes that the disk has room for already; what LMDB and the segments
 * need is done for many commits at a time, and then the file begins anew. docs/formats/tail-log.md.
 *
 * The file's own header, 4096 bytes: magic 'DFSL', version, salt (16 bytes), CRC-32 of these. Then
 * entries:
 *
 *   0  magic 'DFST'           28  the file's salt    16 bytes
 *   4  CRC-32 of all behind   44  of each write: segment, offset, length (u32 each)
 *   8  round             u64      the frame, then the bytes of the writes
 *  16  length of all     u32
 *  20  frame length      u32
 *  24  number of writes  u32
 *
 * Big-endian. A round is named by the first seq of its first entry, which no other round has, so
 * what an earlier round left behind the end is not taken for more of this one. The salt is random
 * and known to nobody: what clients write lies in here too, and may look like an entry.
 */
import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from '../content/disk.ts'
import type { SegmentWrite } from '../content/segment.ts'
import { KiB, MiB } from '../platform/limits.ts'
import { JournalFormatError } from './fields.ts'

const NAME = 'tail.log'
const MAGIC = 0x44465354
const FILE_MAGIC = 0x4446534c
const VERSION = 1
const START = 4 * KiB
/** Random bytes that a file is made with. */
export const SALT = 16
const SALT_AT = 28
const HEADER = SALT_AT + SALT
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

/** Opens the file, which is made when it is not there, or not all of it. */
function openFile(disk: Disk, newSalt: Buffer): { file: DiskFile; salt: Buffer } {
  const file = disk.list().includes(NAME) ? disk.open(NAME) : disk.create(NAME)
  const size = file.size()
  if (size < SIZE) {
    const zeros = Buffer.alloc(MiB)
    for (let at = size; at < SIZE; at += MiB) file.write([zeros.subarray(0, SIZE - at)], at)
    file.sync()
  }
  const found = saltOf(file)
  if (found !== undefined) return { file, salt: found }
  file.write([fileHeader(newSalt)], 0)
  file.sync()
  return { file, salt: newSalt }
}

function fileHeader(salt: Buffer): Buffer {
  const header = Buffer.alloc(12 + SALT)
  header.writeUInt32BE(FILE_MAGIC, 0)
  header.writeUInt32BE(VERSION, 4)
  salt.copy(header, 8)
  header.writeUInt32BE(crc32(header.subarray(0, 8 + SALT)), 8 + SALT)
  return header
}

/** Undefined when the file was never finished: nothing is in it then. */
function saltOf(file: DiskFile): Buffer | undefined {
  const header = Buffer.alloc(12 + SALT)
  file.read(header, 0)
  const salt = header.subarray(8, 8 + SALT)
  if (header.equals(fileHeader(salt))) return salt
  // It is durable before there is an entry.
  if (allBehind(file).every((byte) => byte === 0)) return undefined
  throw new JournalFormatError('the header of the tail log is damaged')
}

function allBehind(file: DiskFile): Buffer {
  const all = Buffer.alloc(Math.max(0, Math.min(SIZE, file.size()) - START))
  file.read(all, START)
  return all
}

export interface TailContent {
  /** The whole entries of the last round, in order. */
  readonly entries: readonly TailEntry[]
  /** Whole entries behind their end: of earlier rounds, or of this one behind damage. */
  readonly strays: readonly TailEntry[]
}

/** What the file has; nothing where there is none. Throws JournalFormatError. */
export function readTail(disk: Disk): TailContent {
  const nothing = { entries: [], strays: [] }
  if (!disk.list().includes(NAME)) return nothing
  const file = disk.open(NAME)
  try {
    const salt = saltOf(file)
    return salt === undefined ? nothing : contentOf(allBehind(file), salt)
  } finally {
    file.close()
  }
}

function contentOf(all: Buffer, salt: Buffer): TailContent {
  const entries: TailEntry[] = []
  let at = 0
  let round: number | undefined
  for (let found = wholeAt(all, at, salt); found !== undefined; found = wholeAt(all, at, salt)) {
    const its = found.readUInt32BE(8) * 2 ** 32 + found.readUInt32BE(12)
    round ??= its
    if (its !== round) break
    entries.push(entryOf(found))
    at += found.length
  }
  const strays: TailEntry[] = []
  // By the salt, which no client can know: looking at what only seems to be one would take hours.
  const next = (from: number): number => all.indexOf(salt, from + SALT_AT)
  for (let place = next(at); place >= 0; place = next(at)) {
    at = place - SALT_AT
    const found = wholeAt(all, at, salt)
    if (found !== undefined) strays.push(entryOf(found))
    at += found?.length ?? 1
  }
  return { entries, strays }
}

/** The bytes of a whole entry at `at`. */
function wholeAt(all: Buffer, at: number, salt: Buffer): Buffer | undefined {
  if (at + HEADER > all.length || all.readUInt32BE(at) !== MAGIC) return undefined
  if (!all.subarray(at + SALT_AT, at + SALT_AT + SALT).equals(salt)) return undefined
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
  private readonly salt: Buffer
  private round = 0
  private end = START

  /** `newSalt` is for a file that is made now. */
  constructor(disk: Disk, newSalt: Buffer) {
    const { file, salt } = openFile(disk, newSalt)
    this.file = file
    this.salt = salt
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
    if (this.end === START) this.round = seq
    const header = Buffer.allocUnsafe(table)
    header.writeUInt32BE(MAGIC, 0)
    header.writeUInt32BE(Math.floor(this.round / 2 ** 32), 8)
    header.writeUInt32BE(this.round % 2 ** 32, 12)
    header.writeUInt32BE(length, 16)
    header.writeUInt32BE(frame.length, 20)
    header.writeUInt32BE(writes.length, 24)
    this.salt.copy(header, SALT_AT)
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
    this.end = START
  }

  close(): void {
    this.file.close()
  }
}
