import { Thread } from '../platform/thread.ts'
import type { Position } from './block-index.ts'
import type { Stored } from './block-writer.ts'
import type { Bloom } from './bloom.ts'
import type { Compaction, SegmentCensus } from './compactor.ts'
import type { FoundBlock } from './segment.ts'

export interface ContentThreadData {
  readonly segmentsDir: string
  readonly indexPath: string
  /** Bytes of content that are checked again each second. */
  readonly scrubBytes: number
}

export interface EmptyCall {
  readonly segments: readonly number[]
  /** The memory of a Bloom filter: what something may refer to. */
  readonly live: SharedArrayBuffer
}

export interface StoreCall {
  /** The blocks, one behind the other. */
  readonly bytes: Uint8Array
  readonly lengths: readonly number[]
}

export interface StoreAnswer {
  readonly ids: readonly string[]
  readonly stored: Stored
}

export interface NoteCall {
  readonly written: readonly FoundBlock[]
  readonly position: Position
}

export interface ContentEvents {
  readonly onIndexed: (position: Position) => void
  readonly onRecovering: (segment: number) => void
  readonly onDamaged: (block: FoundBlock) => void
  readonly onCrash: (error: Error) => void
}

/** The live side of the thread that stores content. */
export class ContentThread {
  private readonly thread: Thread

  constructor(data: ContentThreadData, events: ContentEvents) {
    const { onIndexed, onRecovering, onDamaged, onCrash } = events
    const url = new URL('./content-worker.ts', import.meta.url)
    this.thread = new Thread(url, {
      name: 'content',
      data,
      onCrash,
      onEvent: (event, payload) => {
        if (event === 'indexed') onIndexed(payload as Position)
        else if (event === 'recovering') onRecovering(payload as number)
        else if (event === 'damaged') onDamaged(payload as FoundBlock)
      },
    })
  }

  /** Takes blocks into the index that a crash kept from it; resolves to their number. */
  recover(): Promise<number> {
    return this.thread.call('recover', undefined)
  }

  /** Stores blocks, which are given away: durable when it resolves. */
  async store(blocks: readonly Buffer[]): Promise<StoreAnswer> {
    const size = blocks.reduce((sum, { length }) => sum + length, 0)
    const bytes = Buffer.allocUnsafeSlow(size)
    let at = 0
    for (const block of blocks) {
      block.copy(bytes, at)
      at += block.length
    }
    const call: StoreCall = { bytes, lengths: blocks.map(({ length }) => length) }
    return this.thread.call('store', call, [bytes.buffer as ArrayBuffer])
  }

  /** Tells of blocks that another lane has written. */
  note(stored: Stored): void {
    const { written, position } = stored
    this.thread.tell('note', { written, position })
  }

  condemn(segments: readonly number[]): Promise<void> {
    return this.thread.call('condemn', segments)
  }

  /** How much of each complete segment something may refer to. */
  census(live: Bloom): Promise<readonly SegmentCensus[]> {
    return this.thread.call('census', live.memory)
  }

  /** Moves what something may refer to out of segments, and drops the rest. */
  empty(segments: readonly number[], live: Bloom): Promise<Compaction> {
    const call: EmptyCall = { segments, live: live.memory }
    return this.thread.call('empty', call)
  }

  /** Deletes segments that were emptied and that nobody reads. */
  remove(segments: readonly number[]): Promise<void> {
    return this.thread.call('remove', segments)
  }

  stop(): Promise<void> {
    return this.thread.stop()
  }
}
