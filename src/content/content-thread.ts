import { KiB, MiB } from '../platform/limits.ts'
import { Thread } from '../platform/thread.ts'
import type { Position } from './block-index.ts'
import type { Stored } from './block-writer.ts'
import type { Bloom } from './bloom.ts'
import type { Compaction, SegmentCensus } from './compactor.ts'
import { isShared, MemoryPool } from './memory-pool.ts'
import { noteOf, type PlacedBlocks } from './noted-blocks.ts'
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
  readonly memories: readonly SharedArrayBuffer[]
  /** Of each block three numbers: which of the memories it lies in, from where on, how long. */
  readonly places: readonly number[]
}

export interface StoreAnswer {
  readonly ids: readonly string[]
  readonly stored: Stored
}

export interface ContentEvents {
  readonly onIndexed: (position: Position) => void
  readonly onRecovering: (segment: number) => void
  /** Found by the scrubber, by who collects, or by who makes the index anew. */
  readonly onDamaged: (block: FoundBlock) => void
  /** One of those is good again: its bytes were whole, and were stored anew. */
  readonly onRescued: (block: FoundBlock) => void
  /** A block that was looked for is there, and the index had lost it. */
  readonly onHidden: (block: FoundBlock) => void
  readonly onCrash: (error: Error) => void
}

/** For what is copied on its way to the thread: two batches of a seal, and more than one seal. */
const POOLED = 32 * MiB
const PARCEL = MiB
/** What is smaller is copied together: naming its place costs as much. */
const SHARED_FROM = 64 * KiB
const sharable = (block: Buffer): boolean => isShared(block) && block.length >= SHARED_FROM

/** Blocks in memory that both threads see. */
class Parcel {
  private readonly pool: MemoryPool
  private readonly memories = new Map<SharedArrayBuffer, number>()
  private readonly places: number[] = []
  private readonly taken: Buffer[] = []
  private room: Buffer | undefined
  private used = 0
  /** Bytes that are still to be copied. */
  private rest: number

  constructor(pool: MemoryPool, blocks: readonly Buffer[]) {
    this.pool = pool
    this.rest = blocks.reduce((sum, block) => sum + (sharable(block) ? 0 : block.length), 0)
    for (const block of blocks) this.name(sharable(block) ? block : this.copied(block))
  }

  get call(): StoreCall {
    return { memories: [...this.memories.keys()], places: this.places }
  }

  private name(block: Buffer): void {
    const memory = block.buffer as ArrayBufferLike as SharedArrayBuffer
    let index = this.memories.get(memory)
    if (index === undefined) {
      index = this.memories.size
      this.memories.set(memory, index)
    }
    this.places.push(index, block.byteOffset, block.length)
  }

  private copied(block: Buffer): Buffer {
    if (this.room === undefined || this.used + block.length > this.room.length) {
      const size = Math.max(block.length, Math.min(PARCEL, this.rest))
      this.room = this.pool.take(size)
      // Beyond its limit the pool's memory is nobody's but this thread's.
      if (isShared(this.room)) this.taken.push(this.room)
      else this.room = Buffer.from(new SharedArrayBuffer(size))
      this.used = 0
    }
    this.rest -= block.length
    const copy = this.room.subarray(this.used, this.used + block.length)
    block.copy(copy)
    this.used += block.length
    return copy
  }

  release(): void {
    for (const buffer of this.taken) this.pool.give(buffer)
  }
}

/** The live side of the thread that stores content. */
export class ContentThread {
  private readonly thread: Thread
  private readonly pool = new MemoryPool(POOLED)

  constructor(data: ContentThreadData, events: ContentEvents) {
    const { onIndexed, onRecovering, onDamaged, onRescued, onHidden, onCrash } = events
    const url = new URL('./content-worker.ts', import.meta.url)
    this.thread = new Thread(url, {
      name: 'content',
      data,
      onCrash,
      onEvent: (event, payload) => {
        if (event === 'indexed') onIndexed(payload as Position)
        else if (event === 'recovering') onRecovering(payload as number)
        else if (event === 'damaged') onDamaged(payload as FoundBlock)
        else if (event === 'rescued') onRescued(payload as FoundBlock)
        else if (event === 'hidden') onHidden(payload as FoundBlock)
      },
    })
  }

  /** Takes blocks into the index that a crash kept from it; resolves to their number. */
  recover(): Promise<number> {
    return this.thread.call('recover', undefined)
  }

  /**
   * Stores blocks: durable when it resolves. Until it has ended they must stay as they are: what
   * lies in shared memory is read where it lies.
   */
  async store(blocks: readonly Buffer[]): Promise<StoreAnswer> {
    const parcel = new Parcel(this.pool, blocks)
    try {
      return await this.thread.call('store', parcel.call)
    } finally {
      parcel.release()
    }
  }

  /** Tells of blocks that another lane has written. */
  note(written: PlacedBlocks, position: Position): void {
    this.thread.tell('note', noteOf(written, position))
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

  /** A block is not what was written: from now on it stands for no later equal block. */
  spoiled(block: FoundBlock): Promise<void> {
    return this.thread.call('spoiled', block)
  }

  /** Looks for a block in all segments; whether the index has it then. */
  find(id: string): Promise<boolean> {
    return this.thread.call('find', id)
  }

  stop(): Promise<void> {
    return this.thread.stop()
  }
}
