/** Events that are made once and told to all consumers that are there: a stretch of the journal. */
import { type Position, reached } from './cursor.ts'
import type { FeedEvent } from './feed-event.ts'

export interface Batch {
  /** What it begins and ends behind. */
  readonly from: Position
  readonly to: Position
  readonly events: readonly FeedEvent[]
  /** Bytes, about. */
  readonly weight: number
  /** By share, the last record that was forgotten when the events were made. */
  readonly horizons: ReadonlyMap<number, number>
  /** What consumers who want the same were sent: made once for all of them. */
  readonly encoded: Map<string, Encoded>
}

export interface Encoded {
  /** In the framing of HTTP; empty when nothing of it was wanted. */
  readonly bytes: Buffer
  readonly count: number
}

/** What comes behind a position, which is at the beginning of a batch or inside. */
export const eventsBehind = (batch: Batch, position: Position): readonly FeedEvent[] =>
  reached(batch.from, position)
    ? batch.events
    : batch.events.filter((event) => !reached(position, event))
