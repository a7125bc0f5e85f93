/** The thread that folds the durable journal into the store, behind the live writer. */
import { workerData } from 'node:worker_threads'
import { Bloom } from '../content/bloom.ts'
import { LmdbJournal } from '../journal/lmdb.ts'
import { instantOfMillis } from '../platform/clock.ts'
import { serveThread, yieldToOthers } from '../platform/thread.ts'
import { LmdbStore } from '../store/lmdb-store.ts'
import type { Checkpoint } from './checkpoint.ts'
import { Follower } from './follower.ts'
import { type FollowerThreadData, packCheckpoint } from './follower-thread.ts'
import { markBlocks } from './marker.ts'
import { type Pruned, Pruner } from './pruner.ts'
import { World } from './world.ts'

const { journalDir, storePath, memory } = workerData as FollowerThreadData

yieldToOthers()
const journal = await LmdbJournal.open({ dir: journalDir, readOnly: true })
const store = new LmdbStore(storePath)
const stop = new AbortController()

const emit = serveThread({
  durable: () => journal.poke(),
  /** Everything that is durable now is in the store when it is answered. */
  flush: async () => {
    journal.poke()
    return packCheckpoint(await follower.catchUp())
  },
  /** Adds every block that an extent refers to, live or in the retention window. */
  mark: (live: SharedArrayBuffer) => {
    const bloom = new Bloom(live)
    return markBlocks(store, (id) => bloom.add(id), breathe)
  },
  prune: () => prune(),
  close: async () => {
    clearInterval(pruning)
    stop.abort()
    await following
    await follower.catchUp()
    await journal.close()
    await store.close()
  },
})

const follower = new Follower({
  world: new World(store, memory),
  journal,
  onCheckpoint: (checkpoint: Checkpoint) => emit('checkpoint', packCheckpoint(checkpoint)),
})
const following = follower.follow(stop.signal)

// A few thousand rows at a time with a breath in between: retention must not be felt.
const BREATH_MILLIS = 4
const PRUNE_MILLIS = 10 * 60_000
const breathe = () => new Promise<void>((resolve) => setTimeout(resolve, BREATH_MILLIS))
const pruner = new Pruner(follower.world, breathe)
let underWay: Promise<Pruned> | undefined
const pruning = setInterval(() => void prune(), PRUNE_MILLIS)

/** One round; who asks while one is under way gets its result. */
function prune(): Promise<Pruned> {
  underWay ??= pruneOnce().finally(() => {
    underWay = undefined
  })
  return underWay
}

/** A fork needs its base as of the moment it began at, for as long as it is there itself. */
function pinBases(horizons: Map<number, number>): void {
  const shares = [...follower.world.control.shares.values()].sort((a, b) => b.id - a.id)
  // A base is older than its forks, so each share's horizon is settled when its turn comes.
  for (const { id, deleted, base } of shares) {
    const gone = deleted !== 0 && deleted <= (horizons.get(id) ?? 0)
    if (gone || base === undefined) continue
    horizons.set(base.share, Math.min(horizons.get(base.share) ?? base.seq, base.seq))
  }
}

async function pruneOnce(): Promise<Pruned> {
  journal.poke()
  await follower.catchUp()
  const { shares } = follower.world.control
  const horizons = new Map<number, number>()
  for (const { id, options, holds } of shares.values()) {
    const moment = instantOfMillis(Date.now() - options.retain * 1000)
    const held = Math.min(...Object.values(holds)) - 1
    horizons.set(id, Math.min(await journal.lastSeqAt(moment), held))
  }
  pinBases(horizons)
  // The control plane is remembered for as long as any share is.
  const least = Math.min(...horizons.values(), follower.world.stored.seq)
  const pruned = await pruner.prune((share) =>
    Math.min(follower.world.stored.seq, horizons.get(share) ?? least),
  )
  emit('pruned', pruned)
  return pruned
}
