/** What is asked of an audit, as a thread can be told it. */
import type { Instant } from '../../platform/clock.ts'

export interface AuditQuery {
  /** The first and the last record to look at. */
  readonly from: number
  readonly to: number
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
