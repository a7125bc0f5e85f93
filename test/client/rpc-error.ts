import { accept_stat, auth_stat, reject_stat } from '../../src/protocols/rpc/rpc-message.ts'
import type { ReplyHeader } from './rpc-call.ts'

/** The server answered, but did not run the procedure. */
export class RpcRefused extends Error {
  override readonly name = 'RpcRefused'
  readonly header: ReplyHeader

  constructor(what: string, header: ReplyHeader) {
    super(`${what} was refused: ${reasonOf(header)}`)
    this.header = header
  }
}

/** The connection ended, or never came about, while an answer was awaited. */
export class RpcDisconnected extends Error {
  override readonly name = 'RpcDisconnected'
}

/** No answer within the time that the caller allows. */
export class RpcTimeout extends Error {
  override readonly name = 'RpcTimeout'
}

function reasonOf({ reply }: ReplyHeader): string {
  if (reply.stat === 0) return nameOf(accept_stat, reply.reply_data.stat)
  const { rejection } = reply
  if (rejection.stat === reject_stat.RPC_MISMATCH) {
    return `RPC_MISMATCH (${rejection.low} to ${rejection.high})`
  }
  return `AUTH_ERROR ${nameOf(auth_stat, rejection.auth)}`
}

/** The name of a value in a table of constants, for messages that people read. */
export function nameOf(table: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(table).find(([, v]) => v === value)?.[0] ?? String(value)
}
