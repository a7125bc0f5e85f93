import type { Bloom } from '../content/bloom.ts'
import { Thread } from '../platform/thread.ts'
import type { Checkpoint } from './checkpoint.ts'
import { Digest } from './digest.ts'
import type { Pruned } from './pruner.ts'
import type { Erased } from './world.ts'

export interface FollowerThreadData {
  readonly journalDir: string
  readonly storePath: string
  /** Bytes for rows in memory: it looks at those that change, and at few of them again. */
  readonly memory: number
}

interface PackedCheckpoint {
  readonly seq: number
  readonly hash: string
  readonly digests: readonly (readonly [share: number, a: number, b: number])[]
}

/** Classes do not cross threads. */
export const packCheckpoint = ({ seq, hash, digests }: Checkpoint): PackedCheckpoint => ({
  seq,
  hash,
  digests: [...digests].map(([share, { a, b }]) => [share, a, b] as const),
})

function unpackCheckpoint({ seq, hash, digests }: PackedCheckpoint): Checkpoint {
  const unpacked = new Map<number, Digest>()
  for (const [share, a, b] of digests) {
    const digest = new Digest()
    digest.add({ a, b })
    unpacked.set(share, digest)
  }
  return { seq, hash, digests: unpacked }
}

/** By share: the last record that retention wants forgotten. */
export type PackedHorizons = readonly (readonly [share: number, seq: number])[]

export interface FollowerEvents {
  readonly onCheckpoint: (checkpoint: Checkpoint) => void
  /** Rows left the store that nobody can ask for any more. */
  readonly onErased: (erased: Erased) => void
  /**
   * The past before these records shall be forgotten: puts into the journal what of it nobody may
   * begin to rely on any more. Resolves when that, and whoever has begun before, is durable.
   */
  readonly onHorizons: (horizons: PackedHorizons) => Promise<void>
  readonly onCrash: (error: Error) => void
  /** A round that nobody asked for; the next one tries again. */
  readonly onPruneFailed: (error: Error) => void
  /** Resolves when the journal can be read up to what is durable now. */
  readonly settled: () => Promise<void>
}

/** The live side of the follower's thread. */
export class FollowerThread {
  private readonly thread: Thread
  private readonly settled: () => Promise<void>
  private readonly onHorizons: FollowerEvents['onHorizons']
  private readonly soon: NodeJS.Timeout
  private readonly pruning: NodeJS.Timeout
  private underWay: Promise<Pruned> | undefined
  private told = false

  constructor(data: FollowerThreadData, events: FollowerEvents) {
    const { onCheckpoint, onErased, onHorizons, onCrash, settled } = events
    this.settled = settled
    this.onHorizons = onHorizons
    const url = new URL('./follower-worker.ts', import.meta.url)
    this.thread = new Thread(url, {
      name: 'follower',
      data,
      onCrash,
      onEvent: (event, payload) => {
        if (event === 'checkpoint') onCheckpoint(unpackCheckpoint(payload as PackedCheckpoint))
        else if (event === 'pruned') onErased(payload as Pruned)
      },
    })
    const failed = (error: Error) => {
      // A thread that ends leaves calls without an answer.
      if (!this.thread.ended) events.onPruneFailed(error)
    }
    const prune = () => void this.prune().catch(failed)
    // Projections that were made again have what had been forgotten: not for long.
    this.soon = setTimeout(prune, FIRST_PRUNE_MILLIS).unref()
    this.pruning = setInterval(prune, PRUNE_MILLIS).unref()
  }

  /** More is durable. Told at most once a few milliseconds: it reads all there is each time. */
  durable(): void {
    if (this.told) return
    this.told = true
    setTimeout(() => {
      this.told = false
      this.thread.tell('durable', undefined)
    }, TELL_MILLIS).unref()
  }

  /** Whether somebody waits for what is in the store, and it should come there early. */
  hurry(hurried: boolean): void {
    this.thread.tell('hurry', hurried)
  }

  /** Resolves when all that is durable now is in the store. */
  async flush(): Promise<Checkpoint> {
    await this.settled()
    return unpackCheckpoint(await this.thread.call<PackedCheckpoint>('flush', undefined))
  }

  /** Adds every block that something may still refer to. Resolves to the number of extents. */
  mark(live: Bloom): Promise<number> {
    return this.thread.call('mark', live.memory)
  }

  /**
   * Forgets what retention does not cover any more. One round; who asks while one is under way gets
   * its result.
   */
  prune(): Promise<Pruned> {
    this.underWay ??= this.pruneOnce().finally(() => {
      this.underWay = undefined
    })
    return this.underWay
  }

  private async pruneOnce(): Promise<Pruned> {
    await this.settled()
    const horizons = await this.thread.call<PackedHorizons>('horizons', undefined)
    await this.onHorizons(horizons)
    await this.settled()
    return this.thread.call('prune', undefined)
  }

  stop(): Promise<void> {
    clearTimeout(this.soon)
    clearInterval(this.pruning)
    return this.thread.stop()
  }
}

const TELL_MILLIS = 20
const FIRST_PRUNE_MILLIS = 60_000
const PRUNE_MILLIS = 10 * 60_000
