import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { RecordAssembler, toRecord } from './record-marking.ts'
import {
  authSys,
  type Callable,
  type Credentials,
  decodeReply,
  decodeResult,
  encodeCall,
  type Procedure,
  type Reply,
  succeeded,
} from './rpc-call.ts'
import { RpcDisconnected, RpcRefused, RpcTimeout } from './rpc-error.ts'

export interface RpcClientOptions {
  readonly host?: string
  readonly port: number
  /** Where the connection comes from, to be another host: `127.0.0.2`. */
  readonly localAddress?: string
  /** The port that it comes from; left out, any. */
  readonly localPort?: number
  readonly credentials?: Credentials
  /** How long an answer may take. */
  readonly timeoutMs?: number
  /**
   * When the connection breaks, connect again for at most this long, and send what is unanswered
   * again: the same bytes, as NFS clients do. Zero: what is unanswered fails at once.
   */
  readonly reconnectMs?: number
  readonly firstXid?: number
  readonly maxRecord?: number
}

export interface CallOptions {
  readonly xid?: number
  readonly credentials?: Credentials
  /** Sizes of the fragments before the last, see `toRecord`. */
  readonly cuts?: readonly number[]
  readonly timeoutMs?: number
}

interface Waiter {
  readonly record: Buffer | undefined
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

const MAX_STRAYS = 1000
const RETRY_EVERY_MS = 20

/**
 * One TCP connection to an RPC server. Calls are pipelined as they come; replies may arrive in any
 * order. Beyond well-formed calls it sends any bytes, repeats and fragments, to test what servers
 * do with them.
 */
export class RpcClient {
  credentials: Credentials
  /** Replies that nobody waited for, for instance to a message whose xid was damaged. */
  readonly strays: Reply[] = []
  private readonly options: RpcClientOptions
  private readonly waiters = new Map<number, Waiter[]>()
  private readonly ended = Promise.withResolvers<void>()
  private socket: Socket | undefined
  private nextXid: number
  private closing = false
  private finished = false

  private constructor(options: RpcClientOptions) {
    this.options = options
    this.credentials = options.credentials ?? authSys({ uid: 0, gid: 0 })
    this.nextXid = options.firstXid ?? 1
  }

  static async connect(options: RpcClientOptions): Promise<RpcClient> {
    const client = new RpcClient(options)
    await client.open()
    return client
  }

  get connected(): boolean {
    return this.socket !== undefined
  }

  /** Settles when the connection has ended for good, whoever ended it. */
  get closed(): Promise<void> {
    return this.ended.promise
  }

  /** Runs a procedure and decodes its result; rejects unless the server ran it. */
  async call<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    options: CallOptions = {},
  ): Promise<Result> {
    const reply = await this.exchange(this.encode(procedure, args, options), options)
    if (!succeeded(reply.header)) throw new RpcRefused(procedure.name, reply.header)
    return decodeResult(procedure, reply.body)
  }

  /** A call as a message, to be sent by `exchange`: once, or several times. */
  encode<Args>(procedure: Callable<Args>, args: Args, options: CallOptions = {}): Buffer {
    const xid = options.xid ?? this.takeXid()
    return encodeCall(procedure, args, xid, options.credentials ?? this.credentials)
  }

  /** Sends a message as a record and resolves with the reply to its xid, whatever it says. */
  exchange(message: Buffer, options: CallOptions = {}): Promise<Reply> {
    const record = toRecord(message, options.cuts)
    const reply = this.awaitReply(message.readUInt32BE(0), options.timeoutMs, record)
    this.socket?.write(record)
    return reply
  }

  /** The next reply to `xid` that no earlier waiter takes. */
  replyTo(xid: number, timeoutMs?: number): Promise<Reply> {
    return this.awaitReply(xid, timeoutMs, undefined)
  }

  /** Bytes as they are, without a record mark. */
  sendBytes(bytes: Uint8Array): void {
    if (this.socket === undefined) throw new RpcDisconnected('not connected')
    this.socket.write(bytes)
  }

  takeXid(): number {
    const xid = this.nextXid
    this.nextXid = (xid + 1) >>> 0
    return xid
  }

  /** Ends the connection in good order. */
  async close(): Promise<void> {
    this.closing = true
    if (this.socket === undefined) this.finish(new RpcDisconnected('closed by the client'))
    else this.socket.end()
    await this.closed
  }

  /** Breaks the connection with a reset, as a crash of this client would. */
  async reset(): Promise<void> {
    this.closing = true
    this.socket?.resetAndDestroy()
    await this.closed
  }

  private awaitReply(
    xid: number,
    timeoutMs = this.options.timeoutMs ?? 10_000,
    record: Buffer | undefined,
  ): Promise<Reply> {
    if (this.finished || this.closing) {
      return Promise.reject(new RpcDisconnected('the connection is closed'))
    }
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const timer = setTimeout(() => {
      this.forget(xid, waiter)
      reject(new RpcTimeout(`no reply to xid ${xid} within ${timeoutMs} ms`))
    }, timeoutMs)
    const waiter = { record, resolve, reject, timer }
    const others = this.waiters.get(xid)
    if (others === undefined) this.waiters.set(xid, [waiter])
    else others.push(waiter)
    return promise
  }

  private async open(): Promise<void> {
    const { host = '127.0.0.1', port, localAddress, localPort } = this.options
    const from = {
      ...(localAddress !== undefined && { localAddress }),
      ...(localPort !== undefined && { localPort }),
    }
    const socket = connect({ host, port, noDelay: true, ...from })
    try {
      await once(socket, 'connect')
    } catch (error) {
      throw new RpcDisconnected(`cannot connect to ${host}:${port}: ${String(error)}`)
    }
    const records = new RecordAssembler(
      (record) => this.receive(record),
      this.options.maxRecord ?? 4 << 20,
    )
    let cause = 'the server closed the connection'
    socket.on('data', (chunk: Buffer) => {
      try {
        records.push(chunk)
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    })
    socket.on('error', (error) => {
      cause = error.message
    })
    socket.on('close', () => {
      if (!records.idle) cause += ', in the middle of a record'
      this.disconnected(new RpcDisconnected(cause))
    })
    this.socket = socket
  }

  private receive(record: Buffer): void {
    const reply = decodeReply(record)
    const { xid } = reply.header
    const waiter = this.waiters.get(xid)?.[0]
    if (waiter === undefined) {
      if (this.strays.length < MAX_STRAYS) this.strays.push(reply)
      return
    }
    this.forget(xid, waiter)
    clearTimeout(waiter.timer)
    waiter.resolve(reply)
  }

  private forget(xid: number, waiter: Waiter): void {
    const left = (this.waiters.get(xid) ?? []).filter((other) => other !== waiter)
    if (left.length === 0) this.waiters.delete(xid)
    else this.waiters.set(xid, left)
  }

  private disconnected(cause: RpcDisconnected): void {
    this.socket = undefined
    const { reconnectMs = 0 } = this.options
    if (this.closing || reconnectMs === 0) this.finish(cause)
    else void this.reconnect(reconnectMs, cause)
  }

  private async reconnect(withinMs: number, cause: RpcDisconnected): Promise<void> {
    const deadline = performance.now() + withinMs
    while (!this.closing && performance.now() < deadline) {
      try {
        await this.open()
        break
      } catch {
        await sleep(RETRY_EVERY_MS)
      }
    }
    if (this.socket === undefined) {
      this.finish(new RpcDisconnected(`${cause.message}; no new one within ${withinMs} ms`))
    } else if (this.closing) {
      this.socket.end()
    } else {
      for (const { record } of [...this.waiters.values()].flat()) {
        if (record !== undefined) this.socket.write(record)
      }
    }
  }

  private finish(cause: RpcDisconnected): void {
    this.finished = true
    for (const { timer, reject } of [...this.waiters.values()].flat()) {
      clearTimeout(timer)
      reject(cause)
    }
    this.waiters.clear()
    this.ended.resolve()
  }
}
