/**
 * Places where a test can have the process killed, as by kill -9: `DITTOFS_FAULT=NAME:N` kills it
 * when a thread passes the place NAME for the Nth time. Without that they cost nothing.
 */
import { writeSync } from 'node:fs'

/** A closed list: test/torture sees to it that each is reached. */
export const faultPoints = [
  // Any file but LMDB's: what the process is killed in the middle of may be half there.
  'file.create',
  'file.created',
  'file.write',
  'file.written',
  'file.synced',
  'file.removed',
  // The journal.
  'tail.appended',
  'tail.synced',
  'tail.anew',
  'frame.put',
  'frame.appended',
  'stream.durable',
  'stream.released',
  // Staged bytes on their way into blocks and records.
  'seal.cut',
  'seal.stored',
  'seal.named',
  'seal.inline',
  // Projections and the index of blocks.
  'store.filled',
  'store.committed',
  'flush.begin',
  'flush.committed',
  'flush.heard',
  'index.flush',
  'index.flushed',
  // Opening what an earlier process has left.
  'recover.restored',
  'recover.appended',
  'recover.written',
  'recover.indexed',
  'open.claimed',
  'open.replayed',
  // Forgetting what retention does not cover, and giving its space back.
  'prune.horizons',
  'prune.rows',
  'collect.marked',
  'collect.condemned',
  'collect.watching',
  'collect.emptied',
  'collect.removed',
  'compact.copied',
  'compact.indexed',
  'compact.removed',
] as const

export type FaultPoint = (typeof faultPoints)[number]

/** In every thread, where Node's own stream may be another thread's. */
const STDERR = 2

/** What the process says before it goes, on stderr: `fault NAME`. */
function armed(setting: string): (name: FaultPoint) => void {
  const [wanted, count = '1'] = setting.split(':')
  if (!faultPoints.some((name) => name === wanted) || !/^[1-9]\d*$/.test(count)) {
    throw new Error(`DITTOFS_FAULT: NAME:N expected, not ${setting}`)
  }
  let left = Number(count)
  return (name) => {
    if (name !== wanted) return
    left -= 1
    if (left > 0) return
    writeSync(STDERR, `fault ${name}\n`)
    process.kill(process.pid, 'SIGKILL')
  }
}

const setting = process.env['DITTOFS_FAULT']

export const fault: (name: FaultPoint) => void =
  setting === undefined ? () => undefined : armed(setting)
