import { Thread } from '../platform/thread.ts'
import type { Position } from './block-index.ts'
import type { Stored } from './block-writer.ts'
import type { FoundBlock } from './segment.ts'

export interface ContentThreadData {
  readonly segmentsDir: string
  readonly indexPath: string
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
  readonly onCrash: (error: Error) => void
}

/** The live side of the thread that stores content. */
export class ContentThread {
  private readonly thread: Thread

  constructor(data: ContentThreadData, { onIndexed, onRecovering, onCrash }: ContentEvents) {
    const url = new URL('./content-worker.ts', import.meta.url)
    this.thread = new Thread(url, {
      name: 'content',
      data,
      onCrash,
      onEvent: (event, payload) => {
        if (event === 'indexed') onIndexed(payload as Position)
        else if (event === 'recovering') onRecovering(payload as number)
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
    const bytes = new Uint8Array(size)
    let at = 0
    for (const block of blocks) {
      bytes.set(block, at)
      at += block.length
    }
    const call: StoreCall = { bytes, lengths: blocks.map(({ length }) => length) }
    return this.thread.call('store', call, [bytes.buffer])
  }

  /** Tells of blocks that another lane has written. */
  note(stored: Stored): void {
    const { written, position } = stored
    this.thread.tell('note', { written, position })
  }

  condemn(segments: readonly number[]): Promise<void> {
    return this.thread.call('condemn', segments)
  }

  stop(): Promise<void> {
    return this.thread.stop()
  }
}
