/**
 * Answers every call with a ready-made success, without a file system behind it: what the load
 * generator reaches against it is the generator's own ceiling. Starts as `null-server.ts`, prints
 * `ready {"nfs":"HOST:PORT"}`.
 */
import { createServer, type Socket } from 'node:net'
import { LISTING_ENTRIES } from '../cases.ts'
import { putXid } from './call-record.ts'
import { CannedReplies } from './canned-replies.ts'
import { RecordScanner, type RecordSink, u32 } from './record-scanner.ts'

/** As much of a call as the answer depends on: header, credentials, handle, offset, count. */
const CALL_BYTES = 640
const OUT_BYTES = 256 * 1024

class NullConnection implements RecordSink {
  private readonly socket: Socket
  private readonly scanner = new RecordScanner(this, CALL_BYTES)
  private out = Buffer.allocUnsafeSlow(OUT_BYTES)
  private size = 0

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      socket.cork()
      this.scanner.push(chunk, chunk.length)
      this.flush()
      socket.uncork()
    })
  }

  record(call: Buffer, at: number): void {
    const { head, body } = replies.to(call, at)
    if (this.size + head.length > this.out.length) {
      this.flush()
      this.out = Buffer.allocUnsafeSlow(OUT_BYTES)
    }
    this.out.set(head, this.size)
    putXid(this.out, this.size, u32(call, at))
    this.size += head.length
    if (body === undefined) return
    this.flush()
    this.socket.write(body)
  }

  private flush(): void {
    if (this.size === 0) return
    // The rest of the buffer is free; what is written stays as it is until it has been sent.
    this.socket.write(this.out.subarray(0, this.size))
    this.out = this.out.subarray(this.size)
    this.size = 0
  }
}

const replies = new CannedReplies(LISTING_ENTRIES)
const server = createServer((socket) => new NullConnection(socket))
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  console.log(`ready {"nfs":"${address.address}:${address.port}"}`)
})
process.once('SIGTERM', () => process.exit(0))
