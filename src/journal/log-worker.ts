/**
 * The thread that makes frames and the small blocks that they name durable, one answer for both. It
 * does nothing else, so a commit never waits for anything but the disk.
 */
import { workerData } from 'node:worker_threads'
import { BlockIndex } from '../content/block-index.ts'
import { BlockWriter } from '../content/block-writer.ts'
import { RealDisk } from '../content/disk.ts'
import { lanes } from '../content/segment.ts'
import type { Instant } from '../platform/clock.ts'
import { serveThread } from '../platform/thread.ts'
import { LmdbStore } from '../store/lmdb-store.ts'
import { claim } from './journal.ts'
import { LmdbJournal } from './lmdb.ts'
import type { AppendCall, LogThreadData } from './log-thread.ts'
import { LogWriter } from './log-writer.ts'

const { journalDir, segmentsDir, indexPath } = workerData as LogThreadData

const journal = await LmdbJournal.open({ dir: journalDir })
const index = new BlockIndex(new LmdbStore(indexPath))
const writer = new LogWriter({
  journal,
  disk: new RealDisk(journalDir),
  blocks: (onWrite) =>
    new BlockWriter(index, { disk: new RealDisk(segmentsDir), lane: lanes.log, onWrite }),
})
const { blocks } = writer

/** How long readers wait for a frame that is durable, at most: many go to LMDB together. */
const DRAIN_MILLIS = 50
let draining: NodeJS.Timeout | undefined

function drain(): void {
  clearTimeout(draining)
  draining = undefined
  writer.drain()
  emit('stored', undefined)
}

const emit = serveThread({
  claim: ({ owner, at }: { owner: string; at: Instant }) => claim(journal, owner, () => at),
  tail: () => journal.tail(),
  append: ({ frame, ids, lengths, bytes }: AppendCall) => {
    let at = 0
    const named = ids.map((id, i) => {
      const length = lengths[i] as number
      const block = { id, bytes: Buffer.from(bytes.buffer, bytes.byteOffset + at, length) }
      at += length
      return block
    })
    const { bytes: view, previousHash, ...rest } = frame
    const stored = writer.append(
      {
        ...rest,
        bytes: Buffer.from(view.buffer, view.byteOffset, view.length),
        previousHash: Buffer.from(previousHash),
      },
      named,
    )
    draining ??= setTimeout(drain, DRAIN_MILLIS)
    return stored
  },
  drain,
  condemn: (segments: readonly number[]) => {
    // What is written to them again after a crash must not come back when they are gone.
    drain()
    blocks.condemn(new Set(segments))
  },
  forgetSegments: (segments: readonly number[]) => blocks.forgetSegments(new Set(segments)),
  trim: (before: number) => {
    drain()
    return journal.trim(before)
  },
  stat: () => ({ bytes: journal.storedBytes(), segments: journal.segmentCount() }),
  close: async () => {
    clearTimeout(draining)
    writer.close()
    await journal.close()
    await index.close()
  },
})
