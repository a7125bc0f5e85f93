/**
 * The plainest reading of the journal, to hold everything else against: one world on the heap that
 * folds every record as it is decided, and remembers the digest after each.
 */
import type { Event } from '../../src/journal/events.ts'
import { recordsOf } from '../../src/journal/frame.ts'
import type { JournalRecord } from '../../src/journal/record.ts'
import { MiB } from '../../src/platform/limits.ts'
import { World } from '../../src/projections/world.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { JournalFile } from './simulated-journal.ts'

/** Moving rows to the store now and then keeps digests cheap. */
const FLUSH_EVERY = 16
const NO_HASH = Buffer.alloc(32)

export class Reference {
  readonly world = new World(new MemoryStore(), MiB)
  private readonly digests = new Map<number, string>()

  apply(record: JournalRecord): void {
    // Not sooner: something may still join the last one.
    if (record.seq % FLUSH_EVERY === 0) this.world.flush(NO_HASH)
    this.world.apply(record)
    this.digests.set(record.seq, this.world.digest())
  }

  /** Something has joined the last record. */
  amend(record: JournalRecord, events: readonly Event[]): void {
    this.world.amend(record, events)
    this.digests.set(record.seq, this.world.digest())
  }

  /** The digest after a record. */
  digest(seq: number): string {
    return this.digests.get(seq) ?? 'none'
  }

  /** Everything that a journal has now: a rebuild. */
  static of(journal: JournalFile): Reference {
    const reference = new Reference()
    for (const frame of journal.frames) {
      for (const record of recordsOf(frame)) reference.apply(record)
    }
    return reference
  }
}
