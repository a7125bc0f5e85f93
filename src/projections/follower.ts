/**
 * Folds the durable journal into the store. One code in four places: behind the live writer (in a
 * thread of its own), at start-up, in a standby and in a rebuild.
 */
import { type Frame, lastSeq, recordsOf } from '../journal/frame.ts'
import type { JournalReader } from '../journal/journal.ts'
import { isFull } from '../platform/disk-full.ts'
import { fault } from '../platform/fault.ts'
import { beginToGiveWay, giveWay, stopGivingWay } from '../platform/give-way.ts'
import { AuditIndex } from './audit-index.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { World } from './world.ts'

export interface FollowerOptions {
  readonly world: World
  readonly journal: Pick<JournalReader, 'read' | 'stored'>
  /** Records folded since the last flush at which the next one is due, and the time. */
  readonly flushRecords?: number
  readonly flushMillis?: number
  readonly onCheckpoint?: (checkpoint: Checkpoint) => void
  /** Whether the thread stops now and then for others, as long as little comes. */
  readonly givesWay?: boolean
}

// A flush writes each changed row once however often it changed, so large ones cost less in all;
// but what is not flushed has to be folded again after a crash, and stays in the writer's memory.
const FLUSH_RECORDS = 10_000
const FLUSH_MILLIS = 250
/** For who folds much of a journal and serves nobody meanwhile. */
export const REFOLD_RECORDS = 50_000
/** Records may change many rows each. */
const FLUSH_ROWS = 250_000
const HURRY_MILLIS = 10
/** Records a millisecond. */
const HURRY_RATE = 3
/** As power of two: of accesses, what an index keeps in memory as much for as for a record. */
const BYTES_A_RECORD = 8

export class Follower {
  readonly world: World
  private readonly options: FollowerOptions
  private readonly audit: AuditIndex
  private pending = 0
  /** Somebody waits for what is in the store. */
  private hurried = false
  /** How long the flush that is due next was put off, or the last one. */
  private putOff = FLUSH_MILLIS
  /** Records a millisecond that came until the last flush. */
  private rate = 0
  /** Of the last frame that was folded. */
  private hash: Buffer
  private timer: NodeJS.Timeout | undefined
  private failure: unknown
  private readonly broken = new AbortController()

  constructor(options: FollowerOptions) {
    this.options = options
    this.world = options.world
    this.audit = new AuditIndex(options.world)
    this.hash = Buffer.from(options.world.stored.hash, 'latin1')
  }

  /** Follows until `signal` aborts. Rejects when a record cannot be folded or stored. */
  async follow(signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, this.broken.signal])
    try {
      for await (const frame of this.options.journal.read(this.world.seq + 1, stop)) {
        this.fold(frame)
        if (this.many() && this.timer === undefined) this.flushOrWait()
        else this.flushSoon()
      }
      if (this.failure !== undefined) throw this.failure
    } finally {
      clearTimeout(this.timer)
    }
  }

  /** Folds what is stored now and flushes it. */
  async catchUp(progress: (seq: number) => void = () => undefined): Promise<Checkpoint> {
    for await (const frame of this.options.journal.stored(this.world.seq + 1)) {
      this.fold(frame)
      if (!this.many()) continue
      this.flush()
      progress(this.world.seq)
    }
    return this.flush()
  }

  private fold(frame: Frame): void {
    for (const record of recordsOf(frame)) {
      if (record.seq <= this.world.seq) continue
      this.audit.before(record)
      this.world.apply(record)
      this.audit.add(record)
      giveWay()
      this.pending += 1 + ((record.accesses?.length ?? 0) >>> BYTES_A_RECORD)
    }
    if (lastSeq(frame) === this.world.seq) this.hash = frame.hash
  }

  private many(): boolean {
    const { flushRecords = FLUSH_RECORDS } = this.options
    return this.pending >= flushRecords || this.world.dirtyCount() >= FLUSH_ROWS
  }

  private flushSoon(): void {
    if (this.timer !== undefined || this.pending === 0) return
    const millis = this.hurried && this.rate < HURRY_RATE ? HURRY_MILLIS : FLUSH_MILLIS
    this.putOff = this.options.flushMillis ?? millis
    this.timer = setTimeout(() => {
      try {
        this.flushOrWait()
      } catch (error) {
        this.failure = error
        this.broken.abort()
      }
    }, this.putOff)
  }

  /** Whether to flush early, as long as little comes: much of it costs less in large flushes. */
  hurry(hurried: boolean): void {
    this.hurried = hurried
  }

  /**
   * A full disk is no reason to stop: what is not in the store is in the journal, and is tried
   * again. How much that may be the writer bounds, who waits for us then.
   */
  private flushOrWait(): void {
    const { pending } = this
    try {
      this.flush()
    } catch (error) {
      if (!isFull(error)) throw error
      this.pending = pending
      this.flushSoon()
    }
  }

  /** Who falls behind takes memory: what it has not stored the writer keeps. */
  private giveWayOrNot(): void {
    if (this.rate < HURRY_RATE) beginToGiveWay()
    else stopGivingWay()
  }

  flush(): Checkpoint {
    clearTimeout(this.timer)
    this.timer = undefined
    this.rate = this.pending / this.putOff
    if (this.options.givesWay === true) this.giveWayOrNot()
    this.pending = 0
    fault('flush.begin')
    const checkpoint = this.world.flush(this.hash, (writer) => this.audit.flushTo(writer))
    this.audit.flushed()
    fault('flush.committed')
    this.options.onCheckpoint?.(checkpoint)
    return checkpoint
  }
}
