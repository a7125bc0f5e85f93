// RFC 5531 section 9: from a call message to a procedure, and the answers to what is no such call.
import { crc32 } from 'node:zlib'
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

export interface Served {
  readonly xid: number
  readonly procedure: Procedure
  readonly program: Program
  readonly outcome: Outcome
}

/** Programs by number, then version. */
export class ProgramTable {
  private readonly programs = new Map<number, Map<number, Program>>()

  constructor(programs: readonly Program[]) {
    for (const program of programs) {
      const versions = this.programs.get(program.number) ?? new Map<number, Program>()
      versions.set(program.version, program)
      this.programs.set(program.number, versions)
    }
  }

  versions(number: number): ReadonlyMap<number, Program> | undefined {
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
      const body = r.opaque(MAX_AUTH_BYTES)
      r.u32()
      r.opaque(MAX_AUTH_BYTES)
      const [number, version] = [view.getUint32(at + 12), view.getUint32(at + 16)]
      const program = this.programFor(w, xid, number, version)
      if (program === undefined) return undefined
      const procedure = program.procedures.get(view.getUint32(at + 20))
      if (procedure === undefined) return acceptHeader(w, xid, accept_stat.PROC_UNAVAIL)
      const principal = this.credentials.read(flavor, body)
      const checksum = procedure.once === true ? checksumOf(bytes, start + 4, end) : 0
      const call: Call = { caller: this.caller, xid, principal, checksum }
      return this.serve(program, procedure, call, w)
    } catch (error) {
      if (error instanceof CredentialError) return this.authError(w, xid, error)
      if (error instanceof WireError) throw new NotACallError(error.message)
      throw error
    }
  }

  private serve(
    program: Program,
    procedure: Procedure,
    call: Call,
    w: ReplyWriter,
  ): Served | undefined {
    acceptHeader(w, call.xid, accept_stat.SUCCESS)
    try {
      const outcome = procedure.serve(this.reader, call, w)
      return { xid: call.xid, procedure, program, outcome }
    } catch (error) {
      w.restart()
      const garbage = error instanceof WireError
      if (!garbage) this.onFault(error, `${program.name}.${procedure.name}`)
      return acceptHeader(w, call.xid, garbage ? accept_stat.GARBAGE_ARGS : accept_stat.SYSTEM_ERR)
    }
  }

  private programFor(
    w: ReplyWriter,
    xid: number,
    number: number,
    version: number,
  ): Program | undefined {
    const versions = this.table.versions(number)
    if (versions === undefined) return acceptHeader(w, xid, accept_stat.PROG_UNAVAIL)
    const program = versions.get(version)
    if (program !== undefined) return program
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
