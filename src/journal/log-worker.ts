/**
 * The thread that makes frames and the small blocks that they name durable, one answer for both. It
 * does nothing else, so a commit never waits for anything but the disk.
 */
import { randomBytes } from 'node:crypto'
import { workerData } from 'node:worker_threads'
import { BlockIndex } from '../content/block-index.ts'
import { BlockWriter, type Stored } from '../content/block-writer.ts'
import { RealDisk } from '../content/disk.ts'
import { lanes } from '../content/segment.ts'
import type { Instant } from '../platform/clock.ts'
import { isFull } from '../platform/disk-full.ts'
import { emitFrom, serveBelled } from '../platform/thread.ts'
import { LmdbStore } from '../store/lmdb-store.ts'
import { AppendSlot, type SlotBlock } from './append-slot.ts'
import { frameToAppend } from './frame.ts'
import { claim, type FrameToAppend } from './journal.ts'
import { LmdbJournal } from './lmdb.ts'
import type { AppendCall, LogThreadData } from './log-thread.ts'
import { LogWriter } from './log-writer.ts'
import { SALT } from './tail-log.ts'

const { journalDir, segmentsDir, indexPath, slotMemory } = workerData as LogThreadData

const journal = await LmdbJournal.open({ dir: journalDir })
const index = new BlockIndex(new LmdbStore(indexPath))
const writer = new LogWriter({
  journal,
  disk: new RealDisk(journalDir),
  salt: randomBytes(SALT),
  blocks: (onWrite) =>
    new BlockWriter(index, { disk: new RealDisk(segmentsDir), lane: lanes.log, onWrite }),
})
const { blocks } = writer
const slot = new AppendSlot(slotMemory)

/** How long readers wait for a frame that is durable, at most: many go to LMDB together. */
const DRAIN_MILLIS = 50
/** When that is; Infinity while nothing waits. */
let due = Number.POSITIVE_INFINITY

function drain(): void {
  writer.drain()
  due = Number.POSITIVE_INFINITY
  emitFrom('readable')
}

/** What a full disk does not take yet is in the tail log. */
function drainIfRoom(): void {
  due = Number.POSITIVE_INFINITY
  if (writer.drainIfRoom()) emitFrom('readable')
  else due = performance.now() + FULL_MILLIS
}

const FULL_MILLIS = 250

function append(frame: FrameToAppend, named: readonly SlotBlock[]): Stored | undefined {
  const stored = writer.append(frame, named)
  if (!writer.pending) emitFrom('readable')
  else if (due === Number.POSITIVE_INFINITY) due = performance.now() + DRAIN_MILLIS
  return stored
}

function appendFromSlot(): void {
  const { frame, blocks: named } = slot.asked()
  try {
    slot.answer(append(frameToAppend(frame), named))
    emitFrom('appended')
  } catch (error) {
    const { name, message, code } = error as Error & { code?: unknown }
    emitFrom('failed', { name, message, code })
  }
}

const handlers = {
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
    const stored = append(frameToAppend(Buffer.from(frame)), named)
    return stored && { written: stored.written, position: stored.position }
  },
  drain,
  condemn: (segments: readonly number[]) => {
    // What is written to them again after a crash must not come back when they are gone.
    drain()
    blocks.condemn(new Set(segments))
  },
  forget: (ids: readonly string[]) => blocks.forget(ids),
  trim: (before: number) => {
    drain()
    return journal.trim(before)
  },
  stat: () => ({ bytes: journal.storedBytes(), segments: journal.segmentCount() }),
  close: async () => {
    try {
      writer.close()
    } catch (error) {
      if (!isFull(error)) throw error
    }
    await journal.close()
    await index.close()
  },
}

await serveBelled(handlers, {
  bell: slot.bell,
  rung: () => {
    if (slot.take()) appendFromSlot()
    if (performance.now() >= due) drainIfRoom()
  },
  sleep: () => Math.max(0, due - performance.now()),
})
