/** What is asked of an audit, as a thread can be told it. */
import type { Instant } from '../../platform/clock.ts'

/** A record, and which one of the accesses in it; of others, and where all are meant, 0. */
export interface Place {
  readonly seq: number
  readonly index: number
}

export interface AuditQuery {
  /** The first and the last record to look at. */
  readonly from: number
  readonly to: number
  /** Neither itself. */
  readonly after?: Place
  readonly before?: Place
  readonly newestFirst: boolean
  readonly since: Instant | undefined
  readonly until: Instant | undefined
  readonly criteria: Criteria
  readonly format: 'json' | 'cef'
}

/** What a record must be. Left out: anything. Of several values of one, any will do. */
export interface Criteria {
  /** By name. */
  readonly share?: string
  /** Bytes as a string, without a slash at the end: it, and everything below it. */
  readonly path?: string
  readonly user?: {
    readonly uids: readonly number[]
    /** What administrators are let in by. */
    readonly actors: readonly string[]
  }
  readonly clients?: readonly string[]
  readonly what?: { readonly operations: readonly number[]; readonly commands: readonly number[] }
  /** `refusals`, 0 when accepted, or ANY_REFUSAL. */
  readonly results?: readonly number[]
}

const isBefore = (a: Place, b: Place): boolean =>
  a.seq < b.seq || (a.seq === b.seq && a.index < b.index)

/** Whether it lies between the places that are asked for. */
export const isAsked = (at: Place, { after, before }: AuditQuery): boolean =>
  (after === undefined || isBefore(after, at)) && (before === undefined || isBefore(at, before))
