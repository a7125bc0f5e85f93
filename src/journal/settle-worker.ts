/**
 * The thread that owns the journal's end in LMDB and the lane of small blocks: it brings there what
 * the tail log has, for many commits at a time.
 */
import { workerData } from 'node:worker_threads'
import { BlockIndex } from '../content/block-index.ts'
import { BlockWriter } from '../content/block-writer.ts'
import { RealDisk } from '../content/disk.ts'
import { lanes } from '../content/segment.ts'
import type { Instant } from '../platform/clock.ts'
import { isFull } from '../platform/disk-full.ts'
import { beginToGiveWay } from '../platform/give-way.ts'
import { emitFrom, ring, serveBelled } from '../platform/thread.ts'
import { LmdbStore } from '../store/lmdb-store.ts'
import { claim } from './journal.ts'
import { LmdbJournal } from './lmdb.ts'
import type { SettleThreadData } from './log-thread.ts'
import { SettleSlot } from './settle-slot.ts'
import { Settler } from './settler.ts'

const { journalDir, segmentsDir, indexPath, settleMemory, appendMemory } =
  workerData as SettleThreadData

const journal = await LmdbJournal.open({ dir: journalDir })
const index = new BlockIndex(new LmdbStore(indexPath))
const blocks = new BlockWriter(index, { disk: new RealDisk(segmentsDir), lane: lanes.log })
const settler = new Settler({ journal, disk: new RealDisk(journalDir), blocks })
beginToGiveWay()
const slot = new SettleSlot(settleMemory)
slot.done(blocks.segment)
/** Of the log thread, which may wait for a file of the tail log. */
const logBell = new Int32Array(appendMemory, 0, 1)

/** How long to leave a full disk alone. */
const FULL_MILLIS = 250
/** When to look at it again; Infinity while it is not full. */
let retry = Number.POSITIVE_INFINITY

function settle(): void {
  const asked = slot.asked()
  if (asked === undefined) return
  retry = Number.POSITIVE_INFINITY
  try {
    const settled = settler.settle(asked.area, asked.end)
    emitFrom('settled', settled)
    slot.done(blocks.segment)
  } catch (error) {
    const { name, message, code } = error as Error & { code?: unknown }
    const full = isFull(error)
    if (full) retry = performance.now() + FULL_MILLIS
    emitFrom(full ? 'full' : 'failed', { name, message, code })
    if (full) slot.full()
    else slot.fail()
  }
  ring(logBell)
}

const handlers = {
  claim: ({ owner, at }: { owner: string; at: Instant }) => claim(journal, owner, () => at),
  tail: () => journal.tail(),
  condemn: (segments: readonly number[]) => blocks.condemn(new Set(segments)),
  forget: (ids: readonly string[]) => blocks.forget(ids),
  trim: (before: number) => journal.trim(before),
  stat: () => ({ bytes: journal.storedBytes(), segments: journal.segmentCount() }),
  close: async () => {
    settler.close()
    await journal.close()
    await index.close()
  },
}

await serveBelled(handlers, {
  bell: slot.bell,
  rung: () => {
    if (performance.now() >= retry) slot.again()
    settle()
  },
  sleep: () => Math.max(0, retry - performance.now()),
})
