// RFC 5531 section 9: from a call message to a procedure, and the answers to what is no such call.
import { crc32 } from 'node:zlib'
import { type CallMeter, noCallMeter, type ProcedureMeter } from '../../platform/metrics.ts'
import { Reader } from '../../wire/reader.ts'
import { WireError } from '../../wire/wire-error.ts'
import { CredentialError, Credentials } from './credentials.ts'
import type { Call, Caller, Outcome, Procedure, Program } from './program.ts'
import type { ReplyWriter } from './reply-writer.ts'
import {
  accept_stat,
  MAX_AUTH_BYTES,
  msg_type,
  RPC_VERSION,
  reject_stat,
  reply_header,
  reply_stat,
} from './rpc-message.ts'

const NO_VERIFIER = { flavor: 0, body: Buffer.alloc(0) }

/** Not a call at all: the connection is of no use. */
export class NotACallError extends Error {
  override readonly name = 'NotACallError'
}

/** A procedure as it is offered: with the name it has in logs, and who counts its calls. */
export interface Offer {
  readonly procedure: Procedure
  readonly title: string
  readonly meter: ProcedureMeter
}

export interface Served {
  readonly xid: number
  readonly offer: Offer
  readonly outcome: Outcome
}

type Offers = ReadonlyMap<number, Offer>

/** Programs by number, then version, then procedure. */
export class ProgramTable {
  private readonly programs = new Map<number, Map<number, Offers>>()

  constructor(programs: readonly Program[], calls: CallMeter = noCallMeter) {
    for (const { number, version, name, procedures } of programs) {
      const offers = new Map<number, Offer>()
      for (const [n, procedure] of procedures) {
        const meter = calls.procedure(name, procedure.name)
        offers.set(n, { procedure, title: `${name}.${procedure.name}`, meter })
      }
      const versions = this.programs.get(number) ?? new Map<number, Offers>()
      versions.set(version, offers)
      this.programs.set(number, versions)
    }
  }

  versions(number: number): ReadonlyMap<number, Offers> | undefined {
    return this.programs.get(number)
  }
}

/** Takes the calls of one connection. */
export class Dispatcher {
  private readonly table: ProgramTable
  private readonly caller: Caller
  private readonly reader = new Reader()
  private readonly credentials = new Credentials()
  private readonly onFault: (error: unknown, procedure: string) => void

  constructor(
    table: ProgramTable,
    caller: Caller,
    onFault: (error: unknown, procedure: string) => void,
  ) {
    this.table = table
    this.caller = caller
    this.onFault = onFault
  }

  /**
   * Answers the call in bytes [start, end) into `w`, between its `begin` and `end`. Returns what
   * the procedure made of it, or undefined when the answer is one of RPC's own.
   */
  dispatch(bytes: Buffer, start: number, end: number, w: ReplyWriter): Served | undefined {
    const r = this.reader
    r.reset(bytes, start, end)
    let xid = 0
    try {
      const at = r.take(24)
      const { view } = r
      xid = view.getUint32(at)
      if (view.getUint32(at + 4) !== msg_type.CALL) throw new NotACallError('message is no call')
      if (view.getUint32(at + 8) !== RPC_VERSION) return this.mismatch(w, xid)
      const flavor = r.u32()
      const size = r.count(MAX_AUTH_BYTES)
      const body = r.takePadded(size)
      r.u32()
      r.skipOpaque(MAX_AUTH_BYTES)
      const [number, version] = [view.getUint32(at + 12), view.getUint32(at + 16)]
      const offers = this.offersOf(w, xid, number, version)
      if (offers === undefined) return undefined
      const offer = offers.get(view.getUint32(at + 20))
      if (offer === undefined || this.isTooLarge(offer)) {
        return acceptHeader(w, xid, accept_stat.PROC_UNAVAIL)
      }
      const principal = this.credentials.read(flavor, bytes, body, body + size)
      const once = offer.procedure.once === true
      const checksum = once ? checksumOf(bytes, start + 4, end) : 0
      const machine = once ? this.credentials.machine : 0
      const call: Call = { caller: this.caller, xid, principal, checksum, machine }
      return this.serve(offer, call, w)
    } catch (error) {
      if (error instanceof CredentialError) return this.authError(w, xid, error)
      if (error instanceof WireError) throw new NotACallError(error.message)
      throw error
    }
  }

  private serve(offer: Offer, call: Call, w: ReplyWriter): Served | undefined {
    acceptHeader(w, call.xid, accept_stat.SUCCESS)
    const results = w.pos
    try {
      const outcome = offer.procedure.serve(this.reader, call, w)
      return { xid: call.xid, offer, outcome }
    } catch (error) {
      // Once results are being written it is they that break the rules: our own fault.
      const garbage = error instanceof WireError && w.pos === results
      w.restart()
      if (!garbage) this.onFault(error, offer.title)
      return acceptHeader(w, call.xid, garbage ? accept_stat.GARBAGE_ARGS : accept_stat.SYSTEM_ERR)
    }
  }

  private isTooLarge({ procedure }: Offer): boolean {
    return procedure.streamOnly === true && this.caller.transport === 'udp'
  }

  private offersOf(
    w: ReplyWriter,
    xid: number,
    number: number,
    version: number,
  ): Offers | undefined {
    const versions = this.table.versions(number)
    if (versions === undefined) return acceptHeader(w, xid, accept_stat.PROG_UNAVAIL)
    const offers = versions.get(version)
    if (offers !== undefined) return offers
    const known = [...versions.keys()]
    const mismatch = { low: Math.min(...known), high: Math.max(...known) }
    const reply_data = { stat: accept_stat.PROG_MISMATCH, ...mismatch }
    const reply = { stat: reply_stat.MSG_ACCEPTED, verf: NO_VERIFIER, reply_data }
    reply_header.encode(w, { xid, mtype: msg_type.REPLY, reply })
    return undefined
  }

  private mismatch(w: ReplyWriter, xid: number): undefined {
    const rejection = { stat: reject_stat.RPC_MISMATCH, low: RPC_VERSION, high: RPC_VERSION }
    const reply = { stat: reply_stat.MSG_DENIED, rejection }
    reply_header.encode(w, { xid, mtype: msg_type.REPLY, reply })
    return undefined
  }

  private authError(w: ReplyWriter, xid: number, { stat }: CredentialError): undefined {
    const rejection = { stat: reject_stat.AUTH_ERROR, auth: stat }
    const reply = { stat: reply_stat.MSG_DENIED, rejection }
    reply_header.encode(w, { xid, mtype: msg_type.REPLY, reply })
    return undefined
  }
}

/** Never 0, which says that there is none. */
function checksumOf(bytes: Buffer, start: number, end: number): number {
  return crc32(bytes.subarray(start, end)) || 1
}

/** The header of an accepted reply: 24 bytes whose last four are the status. */
export function acceptHeader(w: ReplyWriter, xid: number, stat: number): undefined {
  const at = w.take(24)
  const { view } = w
  view.setUint32(at, xid)
  view.setUint32(at + 4, msg_type.REPLY)
  view.setUint32(at + 8, reply_stat.MSG_ACCEPTED)
  view.setUint32(at + 12, 0)
  view.setUint32(at + 16, 0)
  view.setUint32(at + 20, stat)
  return undefined
}
