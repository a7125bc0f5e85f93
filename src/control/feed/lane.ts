/**
 * Somebody reading on in the journal on behalf of all consumers that are at about the same place.
 * The last batches are kept for those that are a little behind; who is further behind needs a lane
 * of their own until they have caught up.
 */
import { MiB } from '../../platform/limits.ts'
import type { Batch } from './batch.ts'
import { type Position, reached } from './cursor.ts'
import { JournalReader, type Source } from './journal-reader.ts'

const KEPT_BYTES = 4 * MiB

export class Lane {
  /** Consumers that go along. */
  riders = 0
  private readonly reader: JournalReader
  private batches: Batch[] = []
  private kept = 0
  private start: Position
  private end: Position
  private reading: Promise<Batch | undefined> | undefined

  constructor(source: Source, position: Position) {
    this.reader = new JournalReader(source, position)
    this.start = position
    this.end = position
  }

  /** Whether it can go on from there. */
  covers(position: Position): boolean {
    return reached(position, this.start) && reached(this.end, position)
  }

  isAhead(other: Lane): boolean {
    return reached(this.end, other.end) && !reached(other.end, this.end)
  }

  /** The batch with what is behind a position; undefined: there is none yet. */
  async next(position: Position): Promise<Batch | undefined> {
    if (reached(position, this.end)) return this.read()
    return this.batches.find((batch) => !reached(position, batch.to))
  }

  /** Memory for what was encoded, which the batch did not have before. */
  grew(bytes: number): void {
    this.kept += bytes
    this.drop()
  }

  private read(): Promise<Batch | undefined> {
    this.reading ??= this.readOne().finally(() => {
      this.reading = undefined
    })
    return this.reading
  }

  private async readOne(): Promise<Batch | undefined> {
    const batch = await this.reader.next()
    if (batch === undefined) return undefined
    this.batches.push(batch)
    this.kept += batch.weight
    this.end = batch.to
    this.drop()
    return batch
  }

  private drop(): void {
    while (this.kept > KEPT_BYTES && this.batches.length > 1) {
      const oldest = this.batches.shift() as Batch
      this.kept -= weightOf(oldest)
      this.start = oldest.to
    }
  }
}

function weightOf({ weight, encoded }: Batch): number {
  let bytes = weight
  for (const { bytes: sent } of encoded.values()) bytes += sent.length
  return bytes
}
