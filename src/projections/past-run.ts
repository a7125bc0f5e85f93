/**
 * Versions of a row that followed one another, as one past row: the first one whole, of each later
 * one the bytes that differ from the one before. A directory in which a thousand files are created
 * has a thousand versions, of which hardly anything but times and counts differ.
 *
 *   row     [valid until: 6 bytes, the highest bit set][length of the first: u16][the first]
 *           then for each later one [records between: LEB128][number of patches: u8][patches]
 *   patch   [bytes that are the same: u8][bytes that differ: u8][those bytes]
 *
 * It lies under the key of its first version and ends with the last one's end, so who looks for a
 * moment, or for what may be forgotten, finds it as any other past row.
 */
import { fromOfPastKey, liveKeyOf, pastKey, putSeq, SEQ, seqOfRow } from './row-codec.ts'

const RUN = 0x80
const LENGTH = 2
/** Longer ones fill pages of the store worse, and are slower to look into. Bytes. */
const RUN_MAX = 512
/** Longer rows are kept whole: a patch does not reach over them. */
const ROW_MAX = 255
/** Equal bytes between two that differ which are not worth a patch of their own. */
const GAP = 2

/** A past row of its own: valid until, then the value. */
export interface PastVersion {
  readonly key: Buffer
  readonly row: Buffer
}

export const isRun = (row: Uint8Array): boolean => ((row[0] as number) & RUN) !== 0

/** Takes versions of one row in the order in which they were in force, and puts them away. */
export class PastRunWriter {
  /** The run so far, its first version at the place that it has there. */
  private run = Buffer.alloc(RUN_MAX + 2 * ROW_MAX)
  private length = 0
  private readonly last = Buffer.alloc(ROW_MAX)
  private rowLength = 0
  private versions = 0
  private firstFrom = 0
  private lastFrom = 0
  private key: Buffer = this.run
  private put: (key: Buffer, row: Buffer) => void = () => undefined

  /** `put` is given views that are valid until it returns. */
  begin(key: Buffer, put: (key: Buffer, row: Buffer) => void): void {
    this.key = key
    this.put = put
    this.versions = 0
  }

  /** In force from record `from` on. `row` begins with any seq. */
  add(from: number, row: Buffer): void {
    if (this.versions === 0 || !this.append(from, row)) {
      this.end(from)
      this.first(from, row)
    }
    this.lastFrom = from
    this.versions += 1
    if (this.rowLength <= ROW_MAX) row.copy(this.last, 0, SEQ, row.length)
  }

  private first(from: number, row: Buffer): void {
    this.firstFrom = from
    this.rowLength = row.length - SEQ
    this.length = SEQ + LENGTH + this.rowLength
    if (this.length > this.run.length) this.run = Buffer.alloc(this.length)
    row.copy(this.run, SEQ + LENGTH, SEQ, row.length)
  }

  /** False when it needs a run of its own. */
  private append(from: number, row: Buffer): boolean {
    const { run, rowLength, length } = this
    if (rowLength > ROW_MAX || row.length - SEQ !== rowLength || length > RUN_MAX) return false
    let at = length
    let between = from - this.lastFrom
    for (; between >= 128; between = Math.floor(between / 128)) run[at++] = 128 + (between % 128)
    run[at++] = between
    at = this.patch(at, row)
    if (at > RUN_MAX) return false
    this.length = at
    return true
  }

  /** Says how the row differs from the last one. Returns where that ends. */
  private patch(start: number, row: Buffer): number {
    const { run, last, rowLength } = this
    let at = start + 1
    let patches = 0
    let told = 0
    for (let i = 0; i < rowLength; i++) {
      if (row[SEQ + i] === last[i]) continue
      let end = i + 1
      for (let j = end; j < rowLength && j <= end + GAP; j++) {
        if (row[SEQ + j] !== last[j]) end = j + 1
      }
      run[at++] = i - told
      run[at++] = end - i
      for (; i < end; i++) run[at++] = row[SEQ + i] as number
      patches += 1
      told = end
    }
    run[start] = patches
    return at
  }

  /** What was added last was replaced or removed by record `until`. */
  end(until: number): void {
    const { versions, key, firstFrom, length } = this
    if (versions === 0) return
    this.versions = 0
    const row = versions === 1 ? this.run.subarray(LENGTH, length) : this.run.subarray(0, length)
    if (versions > 1) row.writeUInt16BE(this.rowLength, SEQ)
    putSeq(row, 0, until)
    if (versions > 1) row[0] = (row[0] as number) | RUN
    this.put(pastKey(key, firstFrom), row)
  }
}

/** One version after the other. `row` and what is in force of it change with each step. */
class PastRunReader {
  readonly row: Buffer
  from: number
  until: number
  private readonly run: Buffer
  private readonly length: number
  private at: number

  constructor(from: number, run: Buffer) {
    this.run = run
    this.length = run.length
    const rowLength = run.readUInt16BE(SEQ)
    this.at = SEQ + LENGTH + rowLength
    this.row = Buffer.allocUnsafe(SEQ + rowLength)
    run.copy(this.row, SEQ, SEQ + LENGTH, this.at)
    this.from = from
    this.until = this.nextFrom()
  }

  /** False at the end. */
  next(): boolean {
    if (this.at >= this.length) return false
    const { run, row } = this
    this.from = this.until
    let at = SEQ
    for (let patches = this.byte(); patches > 0; patches--) {
      at += this.byte()
      const length = this.byte()
      if (at + length > row.length || this.at + length > this.length) throw new RunError()
      run.copy(row, at, this.at, this.at + length)
      this.at += length
      at += length
    }
    this.until = this.nextFrom()
    return true
  }

  private nextFrom(): number {
    if (this.at === this.length) return seqOfRow(this.run)
    let between = 0
    for (let unit = 1; ; unit *= 128) {
      const byte = this.byte()
      between += (byte % 128) * unit
      if (byte < 128) return this.from + between
    }
  }

  private byte(): number {
    if (this.at >= this.length) throw new RunError()
    return this.run[this.at++] as number
  }
}

/** Checksums do not let it happen: it was written so. */
class RunError extends Error {
  constructor() {
    super('a run of past versions ends within one of them')
  }
}

/** The past row that was in force at `seq`, of one that begins and ends around it. */
export function pastRowAt(key: Buffer, row: Buffer, seq: number): Buffer {
  if (!isRun(row)) return row
  const reader = new PastRunReader(fromOfPastKey(key), row)
  while (reader.until <= seq && reader.next());
  putSeq(reader.row, 0, reader.until)
  return reader.row
}

/** All that a past row holds, the first version first. Those of a run are copies. */
export function* pastVersions(key: Buffer, row: Buffer): Iterable<PastVersion> {
  if (!isRun(row)) {
    yield { key, row }
    return
  }
  const live = liveKeyOf(key)
  const reader = new PastRunReader(fromOfPastKey(key), row)
  do {
    const version = Buffer.from(reader.row)
    putSeq(version, 0, reader.until)
    yield { key: pastKey(live, reader.from), row: version }
  } while (reader.next())
}
