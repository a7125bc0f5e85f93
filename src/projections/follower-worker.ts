/** The thread that folds the durable journal into the store, behind the live writer. */
import { workerData } from 'node:worker_threads'
import { Bloom } from '../content/bloom.ts'
import { LmdbJournal } from '../journal/lmdb.ts'
import { instantOfMillis } from '../platform/clock.ts'
import { isFull } from '../platform/disk-full.ts'
import { serveThread, yieldToOthers } from '../platform/thread.ts'
import { LmdbStore } from '../store/lmdb-store.ts'
import type { Checkpoint } from './checkpoint.ts'
import { Follower } from './follower.ts'
import { type FollowerThreadData, type PackedHorizons, packCheckpoint } from './follower-thread.ts'
import { markBlocks } from './marker.ts'
import { Pruner } from './pruner.ts'
import { Retention } from './retention.ts'
import { World } from './world.ts'

const { journalDir, storePath, memory } = workerData as FollowerThreadData

yieldToOthers()
const journal = await LmdbJournal.open({ dir: journalDir, readOnly: true })
const store = new LmdbStore(storePath)
const stop = new AbortController()

const emit = serveThread({
  durable: () => journal.poke(),
  hurry: (hurried: boolean) => follower.hurry(hurried),
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
  /** How far the past should reach, where that has changed. */
  horizons: async (): Promise<PackedHorizons> => {
    journal.poke()
    await follower.catchUp()
    return [...(await retention.wanted(instantOfMillis(Date.now())))]
  },
  prune: async () => {
    journal.poke()
    await follower.catchUp()
    const pruned = await pruner.prune()
    emit('pruned', pruned)
    return pruned
  },
  close: async () => {
    stop.abort()
    await following
    // What a full disk keeps from the store the next start finds in the journal.
    await follower.catchUp().catch(unlessFull)
    await journal.close()
    await store.close()
  },
})

const follower = new Follower({
  givesWay: true,
  world: new World(store, memory),
  journal,
  onCheckpoint: (checkpoint: Checkpoint) => emit('checkpoint', packCheckpoint(checkpoint)),
})
const following = follower.follow(stop.signal)

// A few thousand rows at a time with a breath in between: retention must not be felt.
const BREATH_MILLIS = 4
const breathe = () => new Promise<void>((resolve) => setTimeout(resolve, BREATH_MILLIS))
const pruner = new Pruner(follower.world, breathe)
const retention = new Retention({
  world: follower.world,
  store,
  lastSeqAt: (moment) => journal.lastSeqAt(moment),
  frames: (from) => journal.stored(from),
  pause: breathe,
})

/** Whoever needs room for it comes again when there is some. */
function unlessFull(error: unknown): void {
  if (!isFull(error)) throw error
}
