import type { Stored } from '../content/block-writer.ts'
import type { Instant } from '../platform/clock.ts'
import { Thread } from '../platform/thread.ts'
import { FencedError, type FrameToAppend, type Tail } from './journal.ts'

export interface LogThreadData {
  readonly journalDir: string
  readonly segmentsDir: string
  readonly indexPath: string
}

export interface AppendCall {
  readonly frame: FrameToAppend
  readonly ids: readonly string[]
  readonly lengths: readonly number[]
  /** The blocks, one behind the other. */
  readonly bytes: Uint8Array
}

const NOTHING = new Uint8Array(0)

export interface LogEvents {
  /** Blocks of an append are durable. */
  readonly onStored: (stored: Stored) => void
  /** Journals that were opened for reading can have all that was durable when this was sent. */
  readonly onReadable: () => void
  readonly onCrash: (error: Error) => void
}

/** The live side of the thread that owns the journal and the lane of small blocks. */
export class LogThread {
  private readonly thread: Thread
  private readonly events: LogEvents

  constructor(data: LogThreadData, events: LogEvents) {
    this.events = events
    const url = new URL('./log-worker.ts', import.meta.url)
    const { onReadable, onCrash } = events
    this.thread = new Thread(url, { name: 'log', data, onEvent: onReadable, onCrash })
  }

  async tail(): Promise<Tail> {
    return revived(await this.thread.call<Tail>('tail', undefined))
  }

  async claim(owner: string, at: Instant): Promise<Tail> {
    return revived(await this.thread.call<Tail>('claim', { owner, at }))
  }

  /** Resolves when the blocks and the frame are durable. The frame's bytes are given away. */
  async append(
    frame: FrameToAppend,
    blocks: readonly { readonly id: string; readonly bytes: Buffer }[],
  ): Promise<void> {
    const bytes = blocks.length === 0 ? NOTHING : joined(blocks)
    const { bytes: frameBytes, count, firstSeq, previousHash } = frame
    const call: AppendCall = {
      frame: { bytes: frameBytes, count, firstSeq, previousHash: Buffer.from(previousHash) },
      ids: blocks.map(({ id }) => id),
      lengths: blocks.map((block) => block.bytes.length),
      bytes,
    }
    try {
      const stored = await this.thread.call<Stored | undefined>('append', call)
      if (stored !== undefined) this.events.onStored(stored)
    } catch (error) {
      const { name, message } = error as Error
      throw name === 'FencedError' ? new FencedError(message) : error
    }
  }

  /** Resolves when journals that were opened for reading can have all that is durable now. */
  drain(): Promise<void> {
    return this.thread.call('drain', undefined)
  }

  condemn(segments: readonly number[]): Promise<void> {
    return this.thread.call('condemn', segments)
  }

  /** These segments are gone: equal blocks must be written anew, or found elsewhere. */
  forgetSegments(segments: readonly number[]): Promise<void> {
    return this.thread.call('forgetSegments', segments)
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
