/**
 * The journal of one machine: LMDB environments of bounded size, one frame a value under its first
 * seq. Pages are never reused: nothing is deleted or overwritten, a full environment is sealed and
 * the next one begun, and an old one goes by unlinking its file.
 *
 * Fencing: keys only ever ascend (MDB_APPEND), and a claim, like any frame, takes the next key. The
 * writer that it replaces finds its own next key taken, in this file or, when the successor has
 * rolled to another, by the seal.
 */
import { readdirSync } from 'node:fs'
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Instant, laterThan } from '../platform/clock.ts'
import { makeDirectory } from '../platform/directory.ts'
import { GiB } from '../platform/limits.ts'
import { JournalFormatError } from './fields.ts'
import { decodeFrame, type Frame, lastSeq, recordsOf } from './frame.ts'
import {
  EMPTY_TAIL,
  FencedError,
  type FrameToAppend,
  type Journal,
  type Tail,
  TrimmedError,
  tailOf,
} from './journal.ts'
import { Segment, segmentName, segmentSeq } from './lmdb-segment.ts'
import { Waiters } from './waiters.ts'

const CLOSED = 'the journal is closed'

export interface LmdbJournalOptions {
  readonly dir: string
  /** For followers and tools: never creates or writes anything. */
  readonly readOnly?: boolean
  /** Bytes of frames after which the next segment begins. */
  readonly segmentBytes?: number
}

export class LmdbJournal implements Journal {
  private readonly dir: string
  private readonly readOnly: boolean
  private readonly segmentBytes: number
  private readonly waiters = new Waiters()
  /** By first seq, ascending. All but the last are sealed. */
  private segments: Segment[] = []
  private unsealed: Segment | undefined
  private closed = false

  private constructor(options: LmdbJournalOptions) {
    this.dir = options.dir
    this.readOnly = options.readOnly ?? false
    this.segmentBytes = options.segmentBytes ?? GiB
  }

  static async open(options: LmdbJournalOptions): Promise<LmdbJournal> {
    const journal = new LmdbJournal(options)
    if (!journal.readOnly) makeDirectory(journal.dir)
    await journal.discover()
    return journal
  }

  /** Finds segments that appeared since: another thread or process may have rolled. */
  private async discover(): Promise<void> {
    this.know(await readdir(this.dir))
  }

  private know(found: readonly string[]): void {
    // Also for who was listing files when it was closed.
    if (this.closed) throw new FencedError(CLOSED)
    const names = found.filter((name) => segmentSeq(name) !== undefined)
    const known = new Set(this.segments.map((segment) => segment.name))
    for (const name of names.sort()) {
      if (!known.has(name)) this.segments.push(new Segment(this.dir, name, this.readOnly))
    }
    if (this.segments.length === 0 && !this.readOnly) this.addSegment(1)
    this.segments.sort((a, b) => a.firstSeq - b.firstSeq)
  }

  private addSegment(firstSeq: number): Segment {
    const segment = new Segment(this.dir, segmentName(firstSeq), this.readOnly)
    this.segments.push(segment)
    return segment
  }

  async tail(): Promise<Tail> {
    await this.discover()
    for (const segment of [...this.segments].reverse()) {
      const frame = segment.lastFrame()
      if (frame !== undefined) return tailOf(decodeFrame(frame))
    }
    if ((this.segments[0]?.firstSeq ?? 1) !== 1) {
      throw new JournalFormatError('the only journal segment is empty and not the first')
    }
    return EMPTY_TAIL
  }

  async append(frame: FrameToAppend): Promise<void> {
    this.appendAll([frame])
  }

  /** Frames that follow one another, in as few transactions as there are segments for them. */
  appendAll(frames: readonly FrameToAppend[]): void {
    for (let from = 0; from < frames.length; ) {
      const first = frames[from] as FrameToAppend
      const segment = this.writable(first)
      const room = this.segmentBytes - segment.storedBytes()
      let [to, bytes] = [from, 0]
      while (to < frames.length && (to === from || bytes < room)) {
        bytes += (frames[to] as FrameToAppend).bytes.length
        to += 1
      }
      if (!segment.add(frames.slice(from, to))) {
        throw new FencedError(`position ${first.firstSeq} is taken`)
      }
      from = to
    }
    this.waiters.wake()
  }

  /** Whether nobody has taken position `seq`, whoever has written since. */
  isFree(seq: number): boolean {
    for (;;) {
      const last = this.segments.at(-1)
      if (last !== undefined && !last.endsBefore(seq)) return false
      if (last !== undefined && !last.sealed()) return true
      this.know(readdirSync(this.dir))
      if (this.segments.at(-1) === last) return true
    }
  }

  private writable(frame: FrameToAppend): Segment {
    const current = this.segments.at(-1)
    if (current === undefined) throw new FencedError(CLOSED)
    // Looked up once: whoever seals it later takes the key that our next frame needs.
    if (this.unsealed !== current && !current.sealed()) this.unsealed = current
    if (this.unsealed === current && current.storedBytes() < this.segmentBytes) return current
    const { firstSeq, previousHash } = frame
    if (!current.seal(firstSeq, previousHash)) {
      throw new FencedError(`position ${firstSeq} is taken`)
    }
    return this.addSegment(firstSeq)
  }

  async *stored(from: number): AsyncIterable<Frame> {
    let next = Math.max(1, from)
    if (next < (this.segments[0]?.firstSeq ?? 1)) throw new TrimmedError(`no record ${next} here`)
    for (let i = this.indexOf(next); ; ) {
      const segment = this.segments[i]
      if (segment === undefined) return
      const chunk = segment.framesFrom(next)
      for (const bytes of chunk) {
        const frame = decodeFrame(bytes)
        if (lastSeq(frame) < next) continue
        next = lastSeq(frame) + 1
        yield frame
      }
      if (chunk.length > 0) continue
      if (!segment.sealed()) return
      if (i + 1 === this.segments.length) await this.discover()
      i += 1
    }
  }

  /** The frame that holds record `seq`. */
  frameAt(seq: number): Frame | undefined {
    for (let i = this.indexOf(seq); i >= 0; i--) {
      const bytes = this.segments[i]?.frameHolding(seq)
      if (bytes !== undefined) return decodeFrame(bytes)
    }
    return undefined
  }

  /** The last record that is not later than a moment; 0 when all that are here are. */
  async lastSeqAt(moment: Instant): Promise<number> {
    let low = this.segments[0]?.firstSeq ?? 1
    let high = (await this.tail()).seq + 1
    // Before `low` nothing is later, from `high` on everything is; frames are ordered by time.
    while (low < high) {
      const frame = this.frameAt(Math.floor((low + high) / 2))
      if (frame === undefined) return 0
      if (laterThan(frame.time, moment)) high = frame.firstSeq
      else low = lastSeq(frame) + 1
    }
    // Records of the first later frame may still be early enough.
    const later = this.frameAt(low)
    const early = later === undefined ? [] : recordsOf(later).filter((r) => !laterThan(r, moment))
    return early.at(-1)?.seq ?? low - 1
  }

  private indexOf(seq: number): number {
    return Math.max(
      0,
      this.segments.findLastIndex((segment) => segment.firstSeq <= seq),
    )
  }

  read(from: number, signal: AbortSignal): AsyncIterable<Frame> {
    return this.waiters.follow(from, signal, (next) => this.stored(next))
  }

  /** Tells readers in this thread that another one has appended. */
  poke(): void {
    for (const segment of this.segments) segment.refresh()
    this.waiters.wake()
  }

  async trim(before: number): Promise<void> {
    for (;;) {
      const [oldest, next] = this.segments
      if (oldest === undefined || next === undefined || next.firstSeq > before) return
      this.segments.shift()
      await oldest.close()
      await unlink(join(this.dir, oldest.name))
      await unlink(join(this.dir, `${oldest.name}-lock`)).catch(() => undefined)
    }
  }

  /** Bytes of frames, for `dfs journal stat` and the metrics. */
  storedBytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.storedBytes(), 0)
  }

  segmentCount(): number {
    return this.segments.length
  }

  async close(): Promise<void> {
    this.closed = true
    this.waiters.wake()
    const open = this.segments
    this.segments = []
    for (const segment of open) await segment.close()
  }
}
