/** The durable journal as batches of events, in order from a position on. */
import { type Frame, lastSeq, recordsOf } from '../../journal/frame.ts'
import type { JournalReader as Journal } from '../../journal/journal.ts'
import { KiB } from '../../platform/limits.ts'
import type { StoredPast } from '../../projections/stored-past.ts'
import type { Batch } from './batch.ts'
import { type Position, reached, WHOLE } from './cursor.ts'
import { EventMaker } from './event-maker.ts'
import type { FeedEvent } from './feed-event.ts'

/** A batch ends behind the record with which it is as large, or as many records went by. */
const BATCH_BYTES = 128 * KiB
const BATCH_RECORDS = 2000
const EVENT_OVERHEAD = 100

/** What all readers share. */
export interface Source {
  readonly journal: Journal
  readonly past: StoredPast
  readonly stream: string
  /** The last record that is durable and in the store. */
  head(): number
}

export class JournalReader {
  private readonly source: Source
  private readonly maker: EventMaker
  private frames: AsyncIterator<Frame> | undefined
  /** A frame of which a part is behind us. */
  private frame: Frame | undefined
  private position: Position

  constructor(source: Source, position: Position) {
    this.source = source
    this.maker = new EventMaker(source.past, source.stream)
    this.position = position
  }

  /** undefined: there is nothing behind the last one yet. Throws TrimmedError. */
  async next(): Promise<Batch | undefined> {
    const head = this.source.head()
    const from = this.position
    const events: FeedEvent[] = []
    let [weight, records] = [0, 0]
    while (weight < BATCH_BYTES && records < BATCH_RECORDS) {
      const frame = await this.nextFrame(head)
      if (frame === undefined) break
      for (const record of recordsOf(frame)) {
        if (record.seq > head || weight >= BATCH_BYTES) break
        if (reached(this.position, { seq: record.seq, index: WHOLE })) continue
        for (const event of this.maker.eventsOf(record)) {
          if (reached(this.position, event)) continue
          events.push(event)
          weight += event.json.length + EVENT_OVERHEAD
        }
        this.position = { seq: record.seq, index: WHOLE }
        records += 1
      }
    }
    if (this.position === from) return undefined
    // Read last: had a row been forgotten before it was looked at, its horizon would be in here.
    this.source.past.refresh()
    const horizons = this.source.past.horizons()
    return { from, to: this.position, events, weight, horizons, encoded: new Map() }
  }

  /** The frame that goes on behind the position, when it is not beyond `head`. */
  private async nextFrame(head: number): Promise<Frame | undefined> {
    const { seq, index } = this.position
    const wanted = index === WHOLE ? seq + 1 : seq
    if (wanted > head) return undefined
    if (this.frame !== undefined && lastSeq(this.frame) >= wanted) return this.frame
    this.frames ??= this.source.journal.stored(wanted)[Symbol.asyncIterator]()
    const { done, value } = await this.frames.next()
    this.frame = done ? undefined : value
    if (done) this.frames = undefined
    return this.frame
  }
}
