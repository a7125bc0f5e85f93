import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { call_header, reply_header } from '../../src/protocols/rpc/rpc-message.ts'
import { Reader } from '../../src/wire/reader.ts'
import type { Codec, Infer } from '../../src/wire/schema.ts'
import { Writer } from '../../src/wire/writer.ts'
import { RecordAssembler } from './record-marking.ts'
import { authNone, type ReplyHeader } from './rpc-call.ts'

export interface ReceivedCall {
  readonly header: Infer<(typeof call_header)['schema']>
  /** The whole call, header included. */
  readonly message: Buffer
  readonly socket: Socket
}

/** Hands every call to `onCall`, which answers through the socket as it likes, or not at all. */
export class FakeRpcServer {
  readonly port: number
  readonly calls: ReceivedCall[] = []
  private readonly server: Server
  private readonly sockets: Set<Socket>

  private constructor(server: Server, sockets: Set<Socket>, port: number) {
    this.server = server
    this.sockets = sockets
    this.port = port
  }

  static async start(onCall: (call: ReceivedCall) => void): Promise<FakeRpcServer> {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      const records = new RecordAssembler((message) => {
        const call = { header: call_header.decode(new Reader(message)), message, socket }
        fake.calls.push(call)
        onCall(call)
      }, 1 << 22)
      socket.on('data', (chunk: Buffer) => records.push(chunk))
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const fake = new FakeRpcServer(server, sockets, address.port)
    return fake
  }

  disconnectAll(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return
    this.disconnectAll()
    this.server.close()
    await once(this.server, 'close')
  }
}

export function replyMessage<Result>(xid: number, codec: Codec<Result>, result: Result): Buffer {
  const header = accepted(xid, 0)
  const w = new Writer(1024, 1 << 22)
  reply_header.encode(w, header)
  codec.encode(w, result)
  return Buffer.from(w.written())
}

export function bareReply(header: ReplyHeader): Buffer {
  const w = new Writer(256)
  reply_header.encode(w, header)
  return Buffer.from(w.written())
}

/** An accepted reply: 0 is SUCCESS, 4 is GARBAGE_ARGS. */
export function accepted(xid: number, stat: 0 | 1 | 3 | 4 | 5): ReplyHeader {
  return { xid, mtype: 1, reply: { stat: 0, verf: authNone, reply_data: { stat } } }
}
