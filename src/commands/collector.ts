/**
 * Collects garbage: content that nothing refers to, live or within the retention window. What is
 * referred to is marked in a Bloom filter, so memory is bounded and a mistake keeps a block too
 * long, never too short.
 *
 * A segment that is to go is condemned first: from then on nobody relies on an equal block in it.
 * Only when all who may have done so before are through, and what they name is in the store, is
 * marked what must survive; references that appear meanwhile are marked as they are decided.
 */
import type { BlockStore } from '../content/block-store.ts'
import { Bloom } from '../content/bloom.ts'
import type { ContentThread } from '../content/content-thread.ts'
import type { Extent } from '../journal/fields.ts'
import type { LogThread } from '../journal/log-thread.ts'
import { fault } from '../platform/fault.ts'
import { MiB } from '../platform/limits.ts'
import type { FollowerThread } from '../projections/follower-thread.ts'
import type { Sealer } from './content/sealer.ts'
import type { Stream } from './stream.ts'

export interface CollectorOptions {
  readonly stream: Stream
  readonly sealer: Sealer
  readonly blocks: BlockStore
  readonly bulk: Pick<ContentThread, 'condemn' | 'census' | 'empty' | 'remove'>
  readonly logThread: Pick<LogThread, 'condemn'>
  readonly follower: Pick<FollowerThread, 'flush' | 'mark'>
}

export interface Collected {
  /** Segments that went. */
  readonly segments: number
  readonly bytes: number
  readonly moved: number
  readonly dropped: number
  /** Blocks that are damaged and whose segments therefore stay. */
  readonly damaged: number
}

/** Ten bits a block, and one in a hundred is kept for nothing, up to a hundred million blocks. */
const FILTER_BYTES = 16 * MiB
/** A segment goes when less than this part of it is of use. */
const WORTH_KEEPING = 0.5
/** Segments emptied in one round: bounds how long equal blocks are stored twice. */
const AT_ONCE = 16
/** Small segments, which a restart leaves behind, are joined however much of them is of use. */
const SMALL = 4 * MiB

const NOTHING: Collected = { segments: 0, bytes: 0, moved: 0, dropped: 0, damaged: 0 }

export class Collector {
  private readonly options: CollectorOptions
  private watching: Bloom | undefined
  private underWay: Promise<Collected> | undefined

  constructor(options: CollectorOptions) {
    this.options = options
  }

  /** Tells of blocks that a record names. */
  referred(extents: readonly Extent[]): void {
    if (this.watching === undefined) return
    for (const { block } of extents) if (block !== '') this.watching.add(block)
  }

  /** One round; who asks while one is under way gets its result. */
  collect(): Promise<Collected> {
    this.underWay ??= this.collectOnce().finally(() => {
      this.watching = undefined
      this.underWay = undefined
    })
    return this.underWay
  }

  private async collectOnce(): Promise<Collected> {
    const { bulk, logThread, follower } = this.options
    const live = Bloom.ofBytes(FILTER_BYTES)
    await follower.flush()
    await follower.mark(live)
    fault('collect.marked')
    const victims = await this.choose(live)
    if (victims.length === 0) return NOTHING
    try {
      await Promise.all([logThread.condemn(victims), bulk.condemn(victims)])
      fault('collect.condemned')
      return await this.empty(victims, live)
    } finally {
      // Also when it failed halfway: what was dropped by then nobody may rely on.
      await Promise.all([logThread.condemn([]), bulk.condemn([])])
    }
  }

  private async choose(live: Bloom): Promise<number[]> {
    const census = await this.options.bulk.census(live)
    const worn = census.filter((s) => s.live < s.bytes * WORTH_KEEPING)
    const small = census.filter((s) => s.bytes < SMALL && !worn.includes(s))
    const joined = small.length > AT_ONCE / 2 ? small : []
    return [...worn, ...joined].slice(0, AT_ONCE).map(({ segment }) => segment)
  }

  private async empty(victims: readonly number[], live: Bloom): Promise<Collected> {
    const { stream, sealer, blocks, bulk, follower } = this.options
    await sealer.quiet()
    live.clear()
    this.watching = live
    fault('collect.watching')
    await stream.whenDurable(stream.decided)
    await follower.flush()
    await follower.mark(live)
    const { moved, dropped, damaged, freed, removed } = await bulk.empty(victims, live)
    fault('collect.emptied')
    for (const segment of removed) blocks.dropSegment(segment)
    await bulk.remove(removed)
    fault('collect.removed')
    return { segments: removed.length, bytes: freed, moved, dropped, damaged: damaged.length }
  }
}
