import type { Instant } from '../platform/clock.ts'
import { ring, Thread } from '../platform/thread.ts'
import { AppendSlot } from './append-slot.ts'
import { FencedError, type FrameToAppend, type Tail } from './journal.ts'
import { SettleSlot } from './settle-slot.ts'
import type { Settled } from './settler.ts'
import { entrySize, putEntry, type TailBlock } from './tail-entry.ts'
import { type SettledBlocks, UnsettledBlocks } from './unsettled-blocks.ts'

export interface LogThreadData {
  readonly journalDir: string
  readonly appendMemory: SharedArrayBuffer
  readonly settleMemory: SharedArrayBuffer
}

export interface SettleThreadData extends LogThreadData {
  readonly segmentsDir: string
  readonly indexPath: string
}

export interface LogEvents {
  /**
   * Journals that were opened for reading can have what was appended, and segments have the
   * blocks, up to some record.
   */
  readonly onSettled: (blocks: SettledBlocks) => void
  readonly onCrash: (error: Error) => void
}

interface Waiting {
  readonly seq: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const lastSeqOf = ({ firstSeq, count }: FrameToAppend): number => firstSeq + count - 1

/**
 * The live side of the two threads that own the journal's end and the lane of small blocks: one
 * makes them durable in the tail log, one settles them where they belong.
 */
export class LogThread {
  private readonly log: Thread
  private readonly settler: Thread
  private readonly events: LogEvents
  private readonly slot = new AppendSlot()
  private readonly settleSlot = new SettleSlot()
  private readonly unsettled = new UnsettledBlocks()
  /** The append that is under way in the slot. */
  private settle: { readonly resolve: () => void; readonly reject: (e: Error) => void } | undefined
  /** Who waits for records to be settled. */
  private waiting: Waiting[] = []
  private appended = 0
  private settled = 0

  constructor(data: Omit<SettleThreadData, 'appendMemory' | 'settleMemory'>, events: LogEvents) {
    this.events = events
    const memory = { appendMemory: this.slot.memory, settleMemory: this.settleSlot.memory }
    this.settler = new Thread(new URL('./settle-worker.ts', import.meta.url), {
      name: 'settle',
      data: { ...data, ...memory },
      bell: this.settleSlot.bell,
      onEvent: (event, payload) => this.heardOfSettling(event, payload),
      onCrash: (error) => this.broke(error),
    })
    this.log = new Thread(new URL('./log-worker.ts', import.meta.url), {
      name: 'log',
      data: { journalDir: data.journalDir, ...memory },
      bell: this.slot.bell,
      onEvent: (event, payload) => this.heard(event, payload),
      onCrash: (error) => this.broke(error),
    })
  }

  private heard(_event: string, payload: unknown): void {
    this.settle?.reject(appendError(payload as Error))
  }

  private heardOfSettling(event: string, payload: unknown): void {
    if (event === 'settled') this.onSettled(payload as Settled)
    else if (event === 'full') this.turnAway(appendError(payload as Error))
    else this.broke(appendError(payload as Error))
  }

  private onSettled({ seq, places, position }: Settled): void {
    this.settled = seq
    const { waiting } = this
    this.waiting = waiting.filter((one) => one.seq > seq)
    this.events.onSettled(this.unsettled.settle(seq, places, position))
    for (const one of waiting) if (one.seq <= seq) one.resolve()
  }

  private turnAway(error: Error): void {
    const { waiting } = this
    this.waiting = []
    for (const { reject } of waiting) reject(error)
  }

  private broke(error: Error): void {
    // Who waits for a thread that is gone would do so for ever.
    this.settleSlot.fail()
    this.turnAway(error)
    this.settle?.reject(error)
    this.events.onCrash(error)
  }

  async tail(): Promise<Tail> {
    return revived(await this.settler.call<Tail>('tail', undefined))
  }

  /** Before the first append. */
  async claim(owner: string, at: Instant): Promise<Tail> {
    const tail = revived(await this.settler.call<Tail>('claim', { owner, at }))
    this.settled = tail.seq
    this.appended = tail.seq
    return tail
  }

  /** Resolves when the blocks and the frame are durable. One at a time. */
  async append(frame: FrameToAppend, blocks: readonly TailBlock[]): Promise<void> {
    if (this.log.ended) throw new Error('the log thread has ended')
    const seq = lastSeqOf(frame)
    this.unsettled.add(seq, blocks)
    if (this.slot.ask(frame.bytes, blocks)) {
      await new Promise<void>((resolve, reject) => {
        this.settle = { resolve, reject }
        this.slot.whenAppended(resolve)
        ring(this.slot.bell)
      })
    } else await this.appendLarge(frame.bytes, blocks)
    this.appended = seq
  }

  /** What is too large for the slot. */
  private async appendLarge(frame: Buffer, blocks: readonly TailBlock[]): Promise<void> {
    const entry = Buffer.allocUnsafeSlow(entrySize(frame, blocks))
    putEntry(entry, frame, blocks)
    try {
      await this.log.call('append', entry, [entry.buffer as ArrayBuffer])
    } catch (error) {
      throw appendError(error as Error)
    }
  }

  /**
   * Resolves when journals that were opened for reading can have all that is durable now. Rejects
   * when the disk has no room for it.
   */
  drain(): Promise<void> {
    const seq = this.appended
    if (seq <= this.settled) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.waiting.push({ seq, resolve, reject })
      this.log.tell('handOver', undefined)
    })
  }

  /** What these segments have stands for no later equal block, until the next call. */
  async condemn(segments: readonly number[]): Promise<void> {
    await this.settler.call('condemn', segments)
  }

  /** Of these blocks the index knows better than what is remembered of writing them. */
  forget(ids: readonly string[]): Promise<void> {
    return this.settler.call('forget', ids)
  }

  async trim(before: number): Promise<void> {
    await this.drain()
    await this.settler.call('trim', before)
  }

  stat(): Promise<{ readonly bytes: number; readonly segments: number }> {
    return this.settler.call('stat', undefined)
  }

  async stop(): Promise<void> {
    try {
      await this.log.stop()
    } finally {
      await this.settler.stop()
    }
  }
}

/** Errors lose their class on the way. */
function appendError(error: Error): Error {
  const { name, message } = error
  if (name === 'FencedError') return new FencedError(message)
  return error instanceof Error ? error : Object.assign(new Error(message), error)
}

/** Buffers arrive from other threads as plain arrays of bytes. */
function revived(tail: Tail): Tail {
  return { ...tail, hash: Buffer.from(tail.hash) }
}
