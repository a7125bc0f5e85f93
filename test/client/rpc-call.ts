/** RPC messages as a client sees them: calls to encode, replies to take apart. */
import {
  auth_flavor,
  authsys_parms,
  call_header,
  msg_type,
  RPC_VERSION,
  reply_header,
} from '../../src/protocols/rpc/rpc-message.ts'
import { Reader } from '../../src/wire/reader.ts'
import type { Codec, Infer } from '../../src/wire/schema.ts'
import { Writer } from '../../src/wire/writer.ts'

const MAX_MESSAGE = 4 << 20

export interface Callable<Args> {
  readonly program: number
  readonly version: number
  readonly number: number
  readonly args: Codec<Args>
}

interface Answering<Result> {
  readonly name: string
  readonly result: Codec<Result>
}

export interface Procedure<Args, Result> extends Callable<Args>, Answering<Result> {}

export interface Credentials {
  readonly flavor: number
  readonly body: Buffer
}

export const authNone: Credentials = { flavor: auth_flavor.AUTH_NONE, body: Buffer.alloc(0) }

export interface UnixUser {
  readonly uid: number
  readonly gid: number
  readonly gids?: readonly number[]
  readonly machinename?: string
}

export function authSys({ uid, gid, gids = [], machinename = 'client' }: UnixUser): Credentials {
  const w = new Writer(400)
  authsys_parms.encode(w, { stamp: 0, machinename, uid, gid, gids })
  return { flavor: auth_flavor.AUTH_SYS, body: w.detach() }
}

/** A call as it goes into a record. */
export function encodeCall<Args>(
  procedure: Callable<Args>,
  args: Args,
  xid: number,
  cred: Credentials,
): Buffer {
  const w = new Writer(512, MAX_MESSAGE)
  call_header.encode(w, {
    xid,
    mtype: msg_type.CALL,
    rpcvers: RPC_VERSION,
    prog: procedure.program,
    vers: procedure.version,
    proc: procedure.number,
    cred,
    verf: authNone,
  })
  procedure.args.encode(w, args)
  return Buffer.from(w.written())
}

export type ReplyHeader = Infer<(typeof reply_header)['schema']>

export interface Reply {
  readonly header: ReplyHeader
  /** What follows the header: the encoded result when the call was accepted with SUCCESS. */
  readonly body: Buffer
}

export function decodeReply(message: Buffer): Reply {
  const r = new Reader(message)
  const header = reply_header.decode(r)
  if (header.mtype !== msg_type.REPLY) throw new Error(`message type ${header.mtype} is no reply`)
  return { header, body: message.subarray(r.pos) }
}

export function succeeded({ reply }: ReplyHeader): boolean {
  return reply.stat === 0 && reply.reply_data.stat === 0
}

/** Decodes a whole result: bytes that are left over are an encoding error of the server. */
export function decodeResult<Result>(procedure: Answering<Result>, body: Buffer): Result {
  const r = new Reader(body)
  const result = procedure.result.decode(r)
  if (r.remaining > 0) {
    throw new Error(`${procedure.name}: ${r.remaining} bytes are left over behind the result`)
  }
  return result
}
