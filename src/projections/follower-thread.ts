import type { Bloom } from '../content/bloom.ts'
import { Thread } from '../platform/thread.ts'
import type { Checkpoint } from './checkpoint.ts'
import { Digest } from './digest.ts'
import type { Pruned } from './pruner.ts'
import type { Erased } from './world.ts'

export interface FollowerThreadData {
  readonly journalDir: string
  readonly storePath: string
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

export interface FollowerEvents {
  readonly onCheckpoint: (checkpoint: Checkpoint) => void
  /** Rows left the store that nobody can ask for any more. */
  readonly onErased: (erased: Erased) => void
  readonly onCrash: (error: Error) => void
  /** Resolves when the journal can be read up to what is durable now. */
  readonly settled: () => Promise<void>
}

/** The live side of the follower's thread. */
export class FollowerThread {
  private readonly thread: Thread
  private readonly settled: () => Promise<void>
  private told = false

  constructor(
    data: FollowerThreadData,
    { onCheckpoint, onErased, onCrash, settled }: FollowerEvents,
  ) {
    this.settled = settled
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

  /** Resolves when all that is durable now is in the store. */
  async flush(): Promise<Checkpoint> {
    await this.settled()
    return unpackCheckpoint(await this.thread.call<PackedCheckpoint>('flush', undefined))
  }

  /** Adds every block that something may still refer to. Resolves to the number of extents. */
  mark(live: Bloom): Promise<number> {
    return this.thread.call('mark', live.memory)
  }

  /** Forgets what retention does not cover any more. */
  async prune(): Promise<Pruned> {
    await this.settled()
    return this.thread.call('prune', undefined)
  }

  stop(): Promise<void> {
    return this.thread.stop()
  }
}

const TELL_MILLIS = 20
