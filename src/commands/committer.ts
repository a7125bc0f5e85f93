/**
 * Group commit: while one frame is on its way to the disk the next one collects. It clocks itself;
 * there are no timers, and nobody waits for company when there is none.
 */

import type { Frame } from '../journal/frame.ts'
import { encodeFrame } from '../journal/frame.ts'
import { type Tail, tailOf } from '../journal/journal.ts'
import { type JournalRecord, packRecord } from '../journal/record.ts'
import type { Instant } from '../platform/clock.ts'
import { FRAME_BYTES_MAX, FRAME_RECORDS_MAX } from '../platform/limits.ts'

/** A block of content that must be durable before the frame that names it is. */
export interface NewBlock {
  /** SHA-256 as a string of 32 characters. */
  readonly id: string
  readonly bytes: Buffer
}

/** Where frames become durable. One append at a time. */
export interface FrameLog {
  append(frame: Frame, blocks: readonly NewBlock[]): Promise<void>
}

interface Waiting {
  readonly bytes: Buffer
  readonly time: Instant
}

export class Committer {
  private tail: Tail
  private readonly log: FrameLog
  private readonly onDurable: (seq: number) => void
  private readonly onFailure: (error: Error) => void
  private waiting: Waiting[] = []
  /** The last record that was added, as long as more may be joined to it. */
  private last: JournalRecord | undefined
  private blocks: NewBlock[] = []
  private waitingBytes = 0
  private scheduled = false
  private inFlight = false
  private failed = false
  private readonly commitNow = () => this.commit()

  constructor(
    tail: Tail,
    log: FrameLog,
    onDurable: (seq: number) => void,
    onFailure: (error: Error) => void,
  ) {
    this.tail = tail
    this.log = log
    this.onDurable = onDurable
    this.onFailure = onFailure
  }

  add(record: JournalRecord, blocks: readonly NewBlock[]): void {
    this.close()
    this.last = record
    this.take(blocks)
  }

  /** The last record, if it has not left and is not closed. */
  get open(): JournalRecord | undefined {
    return this.last
  }

  /** The open record says more than when it was added. */
  join(blocks: readonly NewBlock[]): void {
    this.take(blocks)
  }

  /** What the last record says is final. */
  close(): void {
    const { last } = this
    if (last === undefined) return
    this.last = undefined
    const bytes = packRecord(last)
    this.waiting.push({ bytes, time: { sec: last.sec, nsec: last.nsec } })
    this.waitingBytes += bytes.length
  }

  private take(blocks: readonly NewBlock[]): void {
    for (const block of blocks) {
      this.blocks.push(block)
      this.waitingBytes += block.bytes.length
    }
    if (this.scheduled || this.inFlight) return
    this.scheduled = true
    // Behind everything that came with this call on its connection: while that is on its way to
    // the disk, the other connections have theirs collected.
    queueMicrotask(this.commitNow)
  }

  /** Bytes that have not left for the disk. */
  backlog(): number {
    return this.waitingBytes
  }

  private commit(): void {
    this.scheduled = false
    this.close()
    if (this.failed || this.waiting.length === 0) return
    const records = this.takeRecords()
    const last = records.at(-1) as Waiting
    const header = {
      epoch: this.tail.epoch,
      firstSeq: this.tail.seq + 1,
      count: records.length,
      time: last.time,
      previousHash: this.tail.hash,
    }
    const frame = encodeFrame(
      header,
      records.map(({ bytes }) => bytes),
    )
    // All blocks go with the first frame: they may be early, never late.
    const blocks = this.blocks
    this.blocks = []
    for (const block of blocks) this.waitingBytes -= block.bytes.length
    this.inFlight = true
    this.log.append(frame, blocks).then(
      () => this.committed(frame),
      (error: Error) => this.fail(error),
    )
  }

  private takeRecords(): Waiting[] {
    let [count, bytes] = [0, 0]
    while (count < this.waiting.length && count < FRAME_RECORDS_MAX && bytes < FRAME_BYTES_MAX) {
      bytes += (this.waiting[count] as Waiting).bytes.length
      count += 1
    }
    this.waitingBytes -= bytes
    if (count === this.waiting.length) {
      const all = this.waiting
      this.waiting = []
      return all
    }
    return this.waiting.splice(0, count)
  }

  private committed(frame: Frame): void {
    const tail = tailOf(frame)
    this.tail = tail
    this.inFlight = false
    // The next is on its way to the disk while the replies of this one are sent.
    if (!this.scheduled) this.commit()
    this.onDurable(tail.seq)
  }

  private fail(error: Error): void {
    this.failed = true
    this.inFlight = false
    this.onFailure(error)
  }

  /** Stops for good: what has not left for the disk never will. */
  stop(): void {
    this.failed = true
  }
}
