/** The follower's part of the past: what a flush puts away of the versions that a row has had. */
import type { StoreWriter } from '../store/store.ts'
import { PastRunWriter } from './past-run.ts'
import { pastKey, pastRow, type RowCodec, seqOfRow } from './row-codec.ts'
import type { Slot, Version } from './slot.ts'

/** One serves a thread. */
const runs = new PastRunWriter()

export class PastWriter<V> {
  private readonly map: string
  private readonly codec: RowCodec<V>
  private readonly runs: boolean

  /** `map`: the store's map of past rows; `runs`: whether versions become runs (past-run.ts). */
  constructor(map: string, codec: RowCodec<V>, runs: boolean) {
    this.map = map
    this.codec = codec
    this.runs = runs
  }

  /**
   * Writes each version that a slot has replaced, `stored` (the row that the store has of it)
   * included, with the record that ended it. The bytes of `stored` are not the row's afterwards.
   */
  keep(slot: Slot<V>, key: Buffer, stored: Buffer | undefined, writer: StoreWriter): void {
    if (this.runs && slot.older !== undefined) this.keepRuns(slot, key, stored, writer)
    else this.keepEach(slot, key, stored, writer)
  }

  private keepEach(
    slot: Slot<V>,
    key: Buffer,
    stored: Buffer | undefined,
    writer: StoreWriter,
  ): void {
    let until = slot.seq
    let version: Version<V> | undefined = slot.older
    for (; version !== undefined; version = version.older) {
      if (version.value !== undefined) {
        const row = this.codec.encode(until, version.value)
        writer.put(this.map, pastKey(key, version.seq), row)
      }
      until = version.seq
    }
    if (stored === undefined) return
    writer.put(this.map, pastKey(key, seqOfRow(stored)), pastRow(stored, until))
  }

  private keepRuns(
    slot: Slot<V>,
    key: Buffer,
    stored: Buffer | undefined,
    writer: StoreWriter,
  ): void {
    const versions: Version<V>[] = []
    for (let version = slot.older; version !== undefined; version = version.older) {
      versions.push(version)
    }
    runs.begin(key, (past, row) => writer.put(this.map, past, row))
    if (stored !== undefined) runs.add(seqOfRow(stored), stored)
    for (let i = versions.length - 1; i >= 0; i--) {
      const { value, seq } = versions[i] as Version<V>
      if (value === undefined) runs.end(seq)
      else runs.add(seq, this.codec.encode(seq, value))
    }
    runs.end(slot.seq)
  }
}
