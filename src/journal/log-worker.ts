/**
 * The thread that makes frames and the small blocks that they name durable, in the tail log. It
 * does nothing else, so a commit never waits for anything but the disk.
 */
import { randomBytes } from 'node:crypto'
import { workerData } from 'node:worker_threads'
import { RealDisk } from '../content/disk.ts'
import { isFull } from '../platform/disk-full.ts'
import { emitFrom, serveBelled } from '../platform/thread.ts'
import { AppendSlot } from './append-slot.ts'
import { LmdbJournal } from './lmdb.ts'
import type { LogThreadData } from './log-thread.ts'
import { SettleCaller } from './settle-slot.ts'
import { SALT } from './tail-entry.ts'
import { TailWriter } from './tail-writer.ts'

const { journalDir, appendMemory, settleMemory } = workerData as LogThreadData

const slot = new AppendSlot(appendMemory)
const settling = new SettleCaller(settleMemory)
const journal = await LmdbJournal.open({ dir: journalDir, readOnly: true })

/** Now and then: to look at LMDB takes a tenth of the time that one small append has. */
const LOOK_MILLIS = 10
let lastLook = 0

function isFree(seq: number): boolean {
  const now = performance.now()
  if (now < lastLook + LOOK_MILLIS) return true
  lastLook = now
  return journal.isFree(seq)
}

const writer = new TailWriter({
  disk: new RealDisk(journalDir),
  settling,
  newSalt: () => randomBytes(SALT),
  isFree,
})

/** How long readers wait for a frame that is durable, at most: many go to LMDB together. */
const HAND_OVER_MILLIS = 50
/** When that is; Infinity while nothing waits. */
let due = Number.POSITIVE_INFINITY

function append(entry: Buffer): void {
  writer.append(entry)
  if (due === Number.POSITIVE_INFINITY) due = performance.now() + HAND_OVER_MILLIS
}

function appendFromSlot(entry: Buffer): void {
  try {
    append(entry)
    slot.tellAppended()
  } catch (error) {
    const { name, message, code } = error as Error & { code?: unknown }
    slot.tellFailed()
    emitFrom('failed', { name, message, code })
  }
}

/** While the other file is being settled the bell tells when it is. */
function handOver(): void {
  if (writer.handOver()) due = Number.POSITIVE_INFINITY
}

const handlers = {
  append: (entry: Uint8Array) =>
    append(Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength)),
  handOver: () => {
    due = 0
    handOver()
  },
  close: async () => {
    try {
      writer.close()
    } catch (error) {
      if (!isFull(error)) throw error
    }
    await journal.close()
  },
}

await serveBelled(handlers, {
  bell: slot.bell,
  rung: () => {
    const entry = slot.take()
    if (entry !== undefined) appendFromSlot(entry)
    if (performance.now() >= due) handOver()
  },
  sleep: () => {
    const left = due - performance.now()
    return left > 0 ? left : Number.POSITIVE_INFINITY
  },
})
