/**
 * The thread that stores large amounts of content: hashes, writes and syncs blocks, and keeps the
 * index of all of them.
 */
import { workerData } from 'node:worker_threads'
import { isFull } from '../platform/disk-full.ts'
import { serveThread } from '../platform/thread.ts'
import { LmdbStore, noteDamage } from '../store/lmdb-store.ts'
import { BlockIndex } from './block-index.ts'
import { BlockWriter, identified } from './block-writer.ts'
import { Bloom } from './bloom.ts'
import { Compactor } from './compactor.ts'
import type { ContentThreadData, EmptyCall, StoreAnswer, StoreCall } from './content-thread.ts'
import { RealDisk } from './disk.ts'
import { IndexQueue } from './index-queue.ts'
import { Mender } from './mender.ts'
import { type NoteCall, notedBlocks } from './noted-blocks.ts'
import { Scrubber } from './scrubber.ts'
import { type FoundBlock, lanes } from './segment.ts'

const { segmentsDir, indexPath, scrubBytes } = workerData as ContentThreadData

const disk = new RealDisk(segmentsDir)
const index = new BlockIndex(
  new LmdbStore(indexPath, {
    onDamage: (error) => {
      // Whoever reads it is told too; but nobody goes on with an index that is damaged.
      setImmediate(() => {
        throw error
      })
    },
  }),
)
const blocks = new BlockWriter(index, { disk, lane: lanes.bulk })

const queue = new IndexQueue(index, (position) => emit('indexed', position))

// Collecting must not hold up who stores: it goes on only when the queue of calls was looked at.
const pause = () => new Promise<void>((resolve) => setImmediate(resolve))
const compactor = new Compactor({
  disk,
  index,
  writer: blocks,
  pause,
  change: (written, removed, position) => queue.change(written, removed, position),
  onDamage: (block) => damaged(block),
})

const mender = new Mender({
  disk,
  index,
  writer: blocks,
  flush: () => queue.flush(),
  change: (written, position) => queue.change(written, [], position),
  pause: () => new Promise<void>((resolve) => setTimeout(resolve, SEARCH_MILLIS)),
  onHidden: (block) => {
    const name = Buffer.from(block.id, 'latin1').toString('hex')
    noteDamage(indexPath, `${indexPath} is damaged: it does not have block ${name}`)
    emit('hidden', block)
  },
})

function damaged(block: FoundBlock): void {
  mender.spoiled(block)
  emit('damaged', block)
  rescue(block)
}

/** What could not be stored again stays damaged: it is tried again when it is next met. */
function rescue(block: FoundBlock): void {
  mender.rescue(block).then(
    (good) => good && emit('rescued', block),
    () => undefined,
  )
}

const scrubber = new Scrubber(disk, index, damaged)
/** Between two pieces of a search. */
const SEARCH_MILLIS = 2
const SCRUB_MILLIS = 1000
const scrubbing = setInterval(() => scrubber.step(scrubBytes), SCRUB_MILLIS)

const emit = serveThread({
  /** Before the log thread begins, and its lane with it. */
  recover: () => {
    compactor.begin()
    return index.recover(
      disk,
      (segment) => emit('recovering', segment),
      (block) => emit('damaged', block),
    )
  },
  store: ({ memories, places }: StoreCall): Promise<StoreAnswer> => {
    const named: ReturnType<typeof identified>[] = []
    for (let i = 0; i < places.length; i += 3) {
      const [memory, offset, length] = places.slice(i, i + 3) as [number, number, number]
      named.push(identified(Buffer.from(memories[memory] as SharedArrayBuffer, offset, length)))
    }
    return blocks.storeLater(named, (stored) => {
      queue.note(stored.written, stored.position)
      return { ids: named.map(({ id }) => id), stored }
    })
  },
  note: (call: NoteCall) => queue.note(notedBlocks(call), call.position),
  condemn: (segments: readonly number[]) => blocks.condemn(new Set(segments)),
  census: (live: SharedArrayBuffer) => {
    queue.flush()
    return compactor.census(new Bloom(live))
  },
  empty: ({ segments, live }: EmptyCall) => compactor.empty(segments, new Bloom(live)),
  remove: (segments: readonly number[]) => compactor.remove(segments),
  spoiled: (block: FoundBlock) => {
    mender.spoiled(block)
    rescue(block)
  },
  find: (id: string) => mender.find(id),
  scrubbed: () => ({ bytes: scrubber.bytes, rounds: scrubber.rounds }),
  close: async () => {
    clearInterval(scrubbing)
    scrubber.close()
    closeQueue()
    blocks.close()
    await index.close()
  },
})

/** What a full disk keeps from the index the next start finds in the segments. */
function closeQueue(): void {
  queue.stop()
  try {
    queue.flush()
  } catch (error) {
    if (!isFull(error)) throw error
  }
}
