/**
 * The thread that makes frames durable: small blocks first, then the frame that names them, one
 * answer for both. It does nothing else, so a commit never waits for anything but the disk.
 */
import { workerData } from 'node:worker_threads'
import { BlockIndex } from '../content/block-index.ts'
import { BlockWriter } from '../content/block-writer.ts'
import { RealDisk } from '../content/disk.ts'
import { lanes } from '../content/segment.ts'
import type { Instant } from '../platform/clock.ts'
import { MiB } from '../platform/limits.ts'
import { serveThread } from '../platform/thread.ts'
import { LmdbStore } from '../store/lmdb-store.ts'
import { claim } from './journal.ts'
import { LmdbJournal } from './lmdb.ts'
import type { AppendCall, LogThreadData } from './log-thread.ts'

const { journalDir, segmentsDir, indexPath } = workerData as LogThreadData

const journal = await LmdbJournal.open({ dir: journalDir })
const index = new BlockIndex(new LmdbStore(indexPath))
const blocks = new BlockWriter(index, {
  disk: new RealDisk(segmentsDir),
  lane: lanes.log,
  // Overwriting zeros takes half as long to sync as making a file longer.
  ahead: MiB,
})

serveThread({
  claim: ({ owner, at }: { owner: string; at: Instant }) => claim(journal, owner, () => at),
  tail: () => journal.tail(),
  append: async ({ frame, ids, lengths, bytes }: AppendCall) => {
    let at = 0
    const named = ids.map((id, i) => {
      const length = lengths[i] as number
      const block = { id, bytes: Buffer.from(bytes.buffer, bytes.byteOffset + at, length) }
      at += length
      return block
    })
    const stored = named.length === 0 ? undefined : blocks.store(named)
    const { bytes: view, previousHash, ...rest } = frame
    await journal.append({
      ...rest,
      bytes: Buffer.from(view.buffer, view.byteOffset, view.length),
      previousHash: Buffer.from(previousHash),
    })
    return stored
  },
  condemn: (segments: readonly number[]) => blocks.condemn(new Set(segments)),
  forgetSegments: (segments: readonly number[]) => blocks.forgetSegments(new Set(segments)),
  trim: (before: number) => journal.trim(before),
  stat: () => ({ bytes: journal.storedBytes(), segments: journal.segmentCount() }),
  close: async () => {
    blocks.close()
    await journal.close()
    await index.close()
  },
})
