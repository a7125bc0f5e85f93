/** A store made of the journal from its first record on, beside the one that a server keeps. */
import { GENESIS_HASH, lastSeq, recordsOf } from '../../journal/frame.ts'
import type { JournalReader } from '../../journal/journal.ts'
import { AuditIndex } from '../../projections/audit-index.ts'
import type { World } from '../../projections/world.ts'
import type { Progress } from './finding.ts'

const FLUSH_RECORDS = 10_000

/**
 * Folds all that is stored. `at`: a record that a frame ends with, after which `pause` is called
 * with everything folded so far in the store.
 */
export async function foldAnew(
  world: World,
  journal: JournalReader,
  at: number,
  pause: (hash: Buffer) => void,
  progress: Progress,
): Promise<void> {
  const audit = new AuditIndex(world)
  const flush = () => world.flush(hash, (writer) => audit.flushTo(writer))
  let pending = 0
  let hash: Buffer = GENESIS_HASH
  for await (const frame of journal.stored(1)) {
    for (const record of recordsOf(frame)) {
      audit.before(record)
      world.apply(record)
      audit.add(record)
    }
    hash = frame.hash
    pending += frame.count
    const here = lastSeq(frame) === at
    if (pending < FLUSH_RECORDS && !here) continue
    flush()
    pending = 0
    progress('records folded', world.seq)
    if (here) pause(hash)
  }
  flush()
}
