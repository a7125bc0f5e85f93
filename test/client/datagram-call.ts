import { createSocket } from 'node:dgram'
import { authNone, type Callable, decodeReply, encodeCall, type Reply } from './rpc-call.ts'

/** Sends one datagram and resolves with the reply, or with undefined when none comes in time. */
export async function exchangeDatagram(
  port: number,
  message: Uint8Array,
  timeoutMs = 10_000,
): Promise<Reply | undefined> {
  const socket = createSocket('udp4')
  const { promise, resolve, reject } = Promise.withResolvers<Reply | undefined>()
  const timer = setTimeout(resolve, timeoutMs, undefined)
  socket.once('message', (bytes) => resolve(decodeReply(bytes)))
  socket.once('error', reject)
  socket.send(message, port, '127.0.0.1')
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}

export function datagramOf<Args>(procedure: Callable<Args>, args: Args): Buffer {
  return encodeCall(procedure, args, 77, authNone)
}
