/** What an RPC program is to the server: rows of procedures, each beside its code. */
import type { Principal } from '../../auth/principal.ts'
import type { Reader } from '../../wire/reader.ts'
import type { Permit } from '../exports.ts'
import type { ReplyWriter } from './reply-writer.ts'

/** Who calls: one for all calls of a connection. */
export interface Caller {
  /** The address without scope and without IPv4-in-IPv6: `192.0.2.1`. */
  readonly address: string
  readonly port: number
  /** The address of ours that the caller reaches us by, and how. */
  readonly local: string
  readonly transport: 'tcp' | 'udp'
  /** The number the journal knows the address by. Asked for when first needed. */
  readonly client: number
  /** What was found out about the caller and each share, by share id. */
  readonly permits: Map<number, Permit>
}

export interface Call {
  readonly caller: Caller
  readonly xid: number
  /** As the credentials claim; undefined for AUTH_NONE. */
  readonly principal: Principal | undefined
  /** Of everything in the call behind the xid: tells a retransmission. Only where `once` is. */
  readonly checksum: number
  /** Which machine the credentials name, as a number; 0: none, or not `once`. */
  readonly machine: number
}

/** Writes results; returns the record that must be durable before they leave (0: none). */
export type WriteResult = (w: ReplyWriter) => number

/**
 * The outcome of a procedure: its results are written and wait for a record (0: for none); or they
 * come later; or nothing will be said, since a first copy of the call is still being worked on.
 */
export type Outcome = number | Promise<WriteResult> | typeof NO_REPLY

export const NO_REPLY = Symbol('no reply')

export interface Procedure {
  readonly number: number
  readonly name: string
  /** Not idempotent: a call that comes again gets its first answer. */
  readonly once?: boolean
  /** Its results do not begin with a status. */
  readonly plain?: boolean
  /** Not over UDP: its reply is much longer than a call whose sender may be forged. */
  readonly streamOnly?: boolean
  /**
   * Its arguments are of no use to it any more when `serve` returns, also where that is a Promise.
   */
  readonly brief?: boolean
  /** Reads the arguments and does the work. Throws WireError for malformed arguments. */
  readonly serve: (args: Reader, call: Call, w: ReplyWriter) => Outcome
}

export interface Program {
  readonly number: number
  readonly version: number
  readonly name: string
  readonly procedures: ReadonlyMap<number, Procedure>
}

export const programOf = (
  number: number,
  version: number,
  name: string,
  procedures: readonly Procedure[],
): Program => ({ number, version, name, procedures: new Map(procedures.map((p) => [p.number, p])) })
