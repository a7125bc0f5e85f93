/** What a table is told, and what it tells of its rows. */
import type { Schema } from '../wire/schema.ts'

/** Shared by all tables of a world. */
export interface Positions {
  /** What the store is known to hold. Moved by `World.flushed`, never above what is durable. */
  flushed: number
  /** The highest seq among the rows read since it was last set to 0: what a reply has seen. */
  saw: number
}

export interface TableSpec<V> {
  readonly name: string
  /** Part of every row's hash: never reuse one. */
  readonly id: number
  readonly schema: Schema<V>
  /** Whether past versions are kept. Tables without are not readable as of a past moment. */
  readonly temporal: boolean
  /** Whether past versions that follow one another are kept as runs (past-run.ts). */
  readonly runs?: boolean
  /** Whether rows count in the digest of their share. */
  readonly digested: boolean
  /** Bytes of values in memory above which clean ones are forgotten; Infinity keeps all. */
  readonly memory: number
  readonly weightOf: (value: V) => number
}

/** A value, the record that gave it, and the one that ended it (undefined: it still holds). */
export interface RowVersion<V> {
  readonly value: V
  readonly from: number
  readonly until: number | undefined
}

/** A row of the store under its live key, whenever it was in force. */
export interface StoredRow<V> {
  readonly key: Buffer
  readonly value: V
}
