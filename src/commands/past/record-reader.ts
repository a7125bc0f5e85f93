import { recordsOf } from '../../journal/frame.ts'
import type { JournalRecord } from '../../journal/record.ts'
import type { Engine } from '../engine.ts'

/** Reads single records back. Those of one frame, which are often asked for in a row, once. */
export class RecordReader {
  private readonly engine: Engine
  private records: readonly JournalRecord[] = []

  constructor(engine: Engine) {
    this.engine = engine
  }

  async at(seq: number): Promise<JournalRecord> {
    const known = this.records[seq - (this.records[0]?.seq ?? 0)]
    if (known?.seq === seq) return known
    const { stream, journal } = this.engine
    await stream.whenDurable(seq)
    journal.poke()
    const frame = journal.frameAt(seq)
    // In a segment that this thread has not opened yet.
    if (frame === undefined) return this.engine.record(seq)
    this.records = recordsOf(frame)
    return this.records[seq - frame.firstSeq] as JournalRecord
  }
}
