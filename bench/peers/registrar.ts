import { rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { reply_header } from '../../src/protocols/rpc/rpc-message.ts'
import { Writer } from '../../src/wire/writer.ts'
import { RecordAssembler, toRecord } from '../../test/client/record-marking.ts'

const SOCKET = '/run/rpcbind.sock'

/**
 * Ganesha will not serve NFSv3 unless it can register its ports with rpcbind, and Debian's rpcbind
 * cannot be kept to loopback. Where none runs, this answers TRUE to every call, on the local socket
 * only, for as long as Ganesha lives. Returns how to end it.
 */
export async function startRegistrar(): Promise<() => void> {
  if (await answers(SOCKET)) return () => {}
  rmSync(SOCKET, { force: true })
  const server = await listen(SOCKET)
  return () => {
    server.close()
    rmSync(SOCKET, { force: true })
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => {
    const records = new RecordAssembler((call) => {
      socket.write(toRecord(trueReply(call.readUInt32BE(0))))
    }, 65536)
    socket.on('data', (chunk: Buffer) => records.push(chunk))
    socket.on('error', () => socket.destroy())
    socket.unref()
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => resolve(server))
  })
}

function trueReply(xid: number): Buffer {
  const w = new Writer(64)
  reply_header.encode(w, {
    xid,
    mtype: 1,
    reply: {
      stat: 0,
      verf: { flavor: 0, body: Buffer.alloc(0) },
      reply_data: { stat: 0 },
    },
  })
  w.u32(1)
  return w.detach()
}
