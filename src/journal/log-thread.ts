import type { Stored } from '../content/block-writer.ts'
import type { Instant } from '../platform/clock.ts'
import { ring, Thread } from '../platform/thread.ts'
import { AppendSlot } from './append-slot.ts'
import { FencedError, type FrameToAppend, type Tail } from './journal.ts'

export interface LogThreadData {
  readonly journalDir: string
  readonly segmentsDir: string
  readonly indexPath: string
  readonly slotMemory: SharedArrayBuffer
}

/** An append that is too large for the slot. */
export interface AppendCall {
  readonly frame: Uint8Array
  readonly ids: readonly string[]
  readonly lengths: readonly number[]
  /** The blocks, one behind the other. */
  readonly bytes: Uint8Array
}

type Written = Pick<Stored, 'written' | 'position'>

const NOTHING = new Uint8Array(0)

export interface LogEvents {
  /** Blocks of an append are durable. */
  readonly onStored: (written: Written) => void
  /** Journals that were opened for reading can have all that was durable when this was sent. */
  readonly onReadable: () => void
  readonly onCrash: (error: Error) => void
}

/** The live side of the thread that owns the journal and the lane of small blocks. */
export class LogThread {
  private readonly thread: Thread
  private readonly events: LogEvents
  private readonly slot = new AppendSlot()
  /** The append that is under way in the slot. */
  private settle: { readonly resolve: () => void; readonly reject: (e: Error) => void } | undefined

  constructor(data: Omit<LogThreadData, 'slotMemory'>, events: LogEvents) {
    this.events = events
    const url = new URL('./log-worker.ts', import.meta.url)
    this.thread = new Thread(url, {
      name: 'log',
      data: { ...data, slotMemory: this.slot.memory },
      bell: this.slot.bell,
      onEvent: (event, payload) => this.heard(event, payload),
      onCrash: (error) => {
        this.settle?.reject(error)
        events.onCrash(error)
      },
    })
  }

  private heard(event: string, payload: unknown): void {
    if (event === 'readable') this.events.onReadable()
    else if (event === 'appended') this.settle?.resolve()
    else this.settle?.reject(appendError(payload as Error))
  }

  async tail(): Promise<Tail> {
    return revived(await this.thread.call<Tail>('tail', undefined))
  }

  async claim(owner: string, at: Instant): Promise<Tail> {
    return revived(await this.thread.call<Tail>('claim', { owner, at }))
  }

  /** Resolves when the blocks and the frame are durable. One at a time. */
  async append(
    { bytes: frame }: FrameToAppend,
    blocks: readonly { readonly id: string; readonly bytes: Buffer }[],
  ): Promise<void> {
    if (this.thread.ended) throw new Error('the log thread has ended')
    if (this.slot.ask(frame, blocks)) {
      await new Promise<void>((resolve, reject) => {
        this.settle = { resolve, reject }
        ring(this.slot.bell)
      })
      if (blocks.length > 0) this.events.onStored(this.slot.answered(blocks))
      return
    }
    const call: AppendCall = {
      frame,
      ids: blocks.map(({ id }) => id),
      lengths: blocks.map((block) => block.bytes.length),
      bytes: blocks.length === 0 ? NOTHING : joined(blocks),
    }
    try {
      const written = await this.thread.call<Written | undefined>('append', call)
      if (written !== undefined) this.events.onStored(written)
    } catch (error) {
      throw appendError(error as Error)
    }
  }

  /** Resolves when journals that were opened for reading can have all that is durable now. */
  drain(): Promise<void> {
    return this.thread.call('drain', undefined)
  }

  condemn(segments: readonly number[]): Promise<void> {
    return this.thread.call('condemn', segments)
  }

  /** Of these blocks the index knows better than what is remembered of writing them. */
  forget(ids: readonly string[]): Promise<void> {
    return this.thread.call('forget', ids)
  }

  trim(before: number): Promise<void> {
    return this.thread.call('trim', before)
  }

  stat(): Promise<{ readonly bytes: number; readonly segments: number }> {
    return this.thread.call('stat', undefined)
  }

  stop(): Promise<void> {
    return this.thread.stop()
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

/** An array of exactly their size: a view would take all the memory behind it along. */
function joined(blocks: readonly { readonly bytes: Buffer }[]): Uint8Array {
  const size = blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const all = new Uint8Array(size)
  let at = 0
  for (const { bytes } of blocks) {
    all.set(bytes, at)
    at += bytes.length
  }
  return all
}
