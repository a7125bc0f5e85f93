/**
 * The journal's tail before it is in LMDB: two files that are written from their beginning again
 * and again, each entry a frame with the small blocks of content that it names (tail-entry.ts). To
 * make a commit durable takes one sync of bytes that the disk has room for already; while one file
 * is brought to where its content belongs (settler.ts) the other takes what comes.
 * docs/formats/tail-log.md.
 *
 * A file's own header, 4096 bytes: magic 'DFSL', version, salt (16 bytes), CRC-32 of these. Then
 * entries. A round is named by the first seq of its first entry, which no other round has, so what
 * an earlier round left behind the end is not taken for more of this one. The salt is random and
 * known to nobody: what clients write lies in here too, and may look like an entry.
 */
import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from '../content/disk.ts'
import { giveWay } from '../platform/give-way.ts'
import { KiB, MiB } from '../platform/limits.ts'
import { JournalFormatError } from './fields.ts'
import {
  ENTRY_SALT,
  entryAt,
  entryOf,
  finishEntry,
  firstSeqOf,
  roundOf,
  SALT,
  type TailEntry,
  wholeAt,
} from './tail-entry.ts'
import { entryOf2, VERSION_2, wholeAt2 } from './tail-version-2.ts'

export const TAIL_FILES = ['tail-a.log', 'tail-b.log'] as const
/** Which of them. */
export type Area = 0 | 1

const FILE_MAGIC = 0x4446534c
const VERSION = 3
const HEADER = 12 + SALT
export const START = 4 * KiB
/** Of a file. Only an entry that is larger than that makes one longer. */
const SIZE = 8 * MiB

/** Opens a file, which is made when it is not there, or not all of it. */
function openFile(disk: Disk, name: string, newSalt: Buffer): { file: DiskFile; salt: Buffer } {
  const file = disk.list().includes(name) ? disk.open(name) : disk.create(name)
  const size = file.size()
  if (size < SIZE) {
    const zeros = Buffer.alloc(MiB)
    for (let at = size; at < SIZE; at += MiB) file.write([zeros.subarray(0, SIZE - at)], at)
    file.sync()
  }
  // What an earlier version has left was brought to where it belongs before.
  const found = versionOf(file) === VERSION ? saltOf(file, VERSION) : undefined
  if (found !== undefined) return { file, salt: found }
  file.write([fileHeader(VERSION, newSalt)], 0)
  file.sync()
  return { file, salt: newSalt }
}

function fileHeader(version: number, salt: Buffer): Buffer {
  const header = Buffer.alloc(HEADER)
  header.writeUInt32BE(FILE_MAGIC, 0)
  header.writeUInt32BE(version, 4)
  salt.copy(header, 8)
  header.writeUInt32BE(crc32(header.subarray(0, 8 + SALT)), 8 + SALT)
  return header
}

/** The version that a file says it has: 2, or else it is to be one of today. */
function versionOf(file: DiskFile): keyof typeof readers {
  const header = Buffer.alloc(HEADER)
  file.read(header, 0)
  const old = fileHeader(VERSION_2, header.subarray(8, 8 + SALT))
  return header.equals(old) ? VERSION_2 : VERSION
}

/** Undefined when the file was never finished: nothing is in it then. */
export function saltOf(file: DiskFile, version: number): Buffer | undefined {
  const header = Buffer.alloc(HEADER)
  file.read(header, 0)
  const salt = header.subarray(8, 8 + SALT)
  if (header.equals(fileHeader(version, salt))) return salt
  // It is durable before there is an entry.
  if (allBehind(file).every((byte) => byte === 0)) return undefined
  throw new JournalFormatError('the header of the tail log is damaged')
}

export function allBehind(file: DiskFile): Buffer {
  const all = Buffer.alloc(Math.max(0, file.size() - START))
  file.read(all, START)
  return all
}

export interface TailContent<Entry> {
  /** The whole entries of the last rounds, in order. */
  readonly entries: readonly Entry[]
  /** Whole entries behind their ends: of earlier rounds, or of these behind damage. */
  readonly strays: readonly Entry[]
}

/** What the files have; nothing where there are none. Throws JournalFormatError. */
export function readTail(disk: Disk): TailContent<TailEntry> {
  const rounds = TAIL_FILES.map((name) => readFile(disk, name))
    .filter((found) => found !== undefined)
    .sort((a, b) => a.round - b.round)
  return {
    entries: rounds.flatMap(({ entries }) => entries),
    strays: rounds.flatMap(({ strays }) => strays),
  }
}

interface Round extends TailContent<TailEntry> {
  readonly round: number
}

const readers = {
  [VERSION]: { whole: wholeAt, entry: entryOf },
  [VERSION_2]: { whole: wholeAt2, entry: entryOf2 },
} as const

function readFile(disk: Disk, name: string): Round | undefined {
  if (!disk.list().includes(name)) return undefined
  const file = disk.open(name)
  try {
    const version = versionOf(file)
    const salt = saltOf(file, version)
    if (salt === undefined) return undefined
    const all = allBehind(file)
    const { whole, entry } = readers[version]
    const { found, strays } = entriesIn(all, salt, ENTRY_SALT, (at) => whole(all, at, salt))
    const [first] = found
    return {
      round: first === undefined ? 0 : roundOf(first),
      entries: found.map(entry),
      strays: strays.map(entry),
    }
  } finally {
    file.close()
  }
}

/** Bytes of the whole entries of a file: those of its last round, and those behind their end. */
export function entriesIn(
  all: Buffer,
  salt: Buffer,
  saltAt: number,
  whole: (at: number) => Buffer | undefined,
): { readonly found: readonly Buffer[]; readonly strays: readonly Buffer[] } {
  const found: Buffer[] = []
  let at = 0
  for (let entry = whole(at); entry !== undefined; entry = whole(at)) {
    if (roundOf(entry) !== roundOf(found[0] ?? entry)) break
    found.push(entry)
    at += entry.length
  }
  const strays: Buffer[] = []
  // By the salt, which no client can know: looking at what only seems to be one would take hours.
  const next = (from: number): number => all.indexOf(salt, from + saltAt)
  for (let place = next(at); place >= 0; place = next(at)) {
    at = place - saltAt
    const entry = whole(at)
    if (entry !== undefined) strays.push(entry)
    at += entry?.length ?? 1
  }
  return { found, strays }
}

/** One of the files, as who appends has it. */
export class TailFile {
  private readonly file: DiskFile
  private readonly salt: Buffer
  /** First seq of what is in it. */
  round = 0
  /** Where the next entry will lie. */
  end = START

  /** `newSalt` is for a file that is made now. */
  constructor(disk: Disk, area: Area, newSalt: Buffer) {
    const { file, salt } = openFile(disk, TAIL_FILES[area], newSalt)
    this.file = file
    this.salt = salt
  }

  get empty(): boolean {
    return this.end === START
  }

  fits(length: number): boolean {
    return this.end + length <= SIZE
  }

  /** `entry` as `putEntry` makes it. Durable when it returns. */
  append(entry: Buffer, segment: number): void {
    if (this.empty) this.round = firstSeqOf(entry)
    finishEntry(entry, this.round, segment, this.salt)
    this.file.write([entry], this.end)
    this.file.sync()
    this.end += entry.length
  }

  /** All that was appended is where it belongs, for good. */
  beginAnew(): void {
    if (this.end > SIZE) this.file.truncate(SIZE)
    this.end = START
  }

  close(): void {
    this.file.close()
  }
}

/** The files, as who brings their content to where it belongs reads them. */
export class TailReader {
  private readonly disk: Disk
  private readonly files: { readonly file: DiskFile; readonly salt: Buffer }[] = []
  /** Used again and again. */
  private memory = Buffer.alloc(0)

  constructor(disk: Disk) {
    this.disk = disk
  }

  /** The entries before `end`, which are valid until the next call. Throws JournalFormatError. */
  read(area: Area, end: number): readonly TailEntry[] {
    const { file, salt } = this.open(area)
    const size = end - START
    if (this.memory.length < size) this.memory = Buffer.allocUnsafeSlow(Math.max(size, SIZE))
    const all = this.memory.subarray(0, size)
    file.read(all, START)
    const entries: TailEntry[] = []
    for (let at = 0; at < size; ) {
      // The checksums of blocks go with them: who reads one there finds out what happened here.
      const entry = entryAt(all, at, salt)
      if (entry === undefined) {
        throw new JournalFormatError(`${TAIL_FILES[area]} is not what was written at ${at}`)
      }
      entries.push(entryOf(entry))
      at += entry.length
      giveWay()
    }
    return entries
  }

  private open(area: Area): { readonly file: DiskFile; readonly salt: Buffer } {
    const known = this.files[area]
    if (known !== undefined) return known
    const file = this.disk.open(TAIL_FILES[area])
    const salt = saltOf(file, VERSION)
    if (salt === undefined) throw new JournalFormatError(`${TAIL_FILES[area]} was not begun`)
    const opened = { file, salt }
    this.files[area] = opened
    return opened
  }

  close(): void {
    for (const { file } of this.files.filter((each) => each !== undefined)) file.close()
  }
}
