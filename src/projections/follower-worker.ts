/** The thread that folds the durable journal into the store, behind the live writer. */
import { workerData } from 'node:worker_threads'
import { LmdbJournal } from '../journal/lmdb.ts'
import { serveThread, yieldToOthers } from '../platform/thread.ts'
import { LmdbStore } from '../store/lmdb-store.ts'
import type { Checkpoint } from './checkpoint.ts'
import { Follower } from './follower.ts'
import { type FollowerThreadData, packCheckpoint } from './follower-thread.ts'
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
  close: async () => {
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
