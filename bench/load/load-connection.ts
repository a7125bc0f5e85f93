import { randomInt } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Address } from '../peers/peer.ts'
import type { CallSource } from './call-source.ts'
import type { LatencyHistogram } from './latency-histogram.ts'
import { RecordScanner, type RecordSink, u32 } from './record-scanner.ts'
import {
  type FailureTally,
  TOO_SHORT,
  UNEXPECTED_XID,
  VERDICT_BYTES,
  verdictOf,
} from './reply-verdict.ts'

/** Replies are read into one buffer per connection; larger ones would leave the L2 cache. */
const RECEIVE_BYTES = 256 * 1024
/** The low bits of an xid say which slot the call is in. */
const SLOT_BITS = 8
const MAX_IN_FLIGHT = 1 << SLOT_BITS
/** The others count, from a place of each connection's own: a repeated xid is a retransmission. */
const SEQUENCE_MASK = 0xffffff
const SEQUENCES_APART = 1 << 21

interface OutBuffer {
  readonly bytes: Buffer
  size: number
  readonly release: () => void
}

export interface Run {
  readonly source: CallSource
  readonly histogram: LatencyHistogram
  readonly failures: FailureTally
  /** From this time (performance.now) on nothing new is sent. */
  readonly deadline: number
}

/**
 * One connection that keeps a fixed number of calls in flight: each finished reply sends the next
 * call. Time is taken once per chunk of replies, and the calls they set off leave in one write.
 */
export class LoadConnection implements RecordSink {
  private readonly socket: Socket
  private readonly inFlight: number
  private readonly xids: Uint32Array
  private readonly startedAt: Float64Array
  private scanner: RecordScanner
  private current: (Run & { done: (error?: Error) => void }) | undefined
  private out: OutBuffer | undefined
  private spare: OutBuffer[] = []
  private outstanding = 0
  private sequence: number
  private broken: Error | undefined
  private now = 0

  private constructor(socket: Socket, inFlight: number, index: number) {
    if (inFlight > MAX_IN_FLIGHT) throw new RangeError(`at most ${MAX_IN_FLIGHT} calls in flight`)
    this.socket = socket
    this.inFlight = inFlight
    this.sequence = index * SEQUENCES_APART + randomInt(SEQUENCES_APART)
    this.xids = new Uint32Array(inFlight)
    this.startedAt = new Float64Array(inFlight)
    this.scanner = new RecordScanner(this, VERDICT_BYTES)
  }

  static open(address: Address, inFlight: number, index: number): Promise<LoadConnection> {
    return new Promise((resolve, reject) => {
      let connection: LoadConnection | undefined
      const socket = connect({
        ...address,
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafeSlow(RECEIVE_BYTES),
          callback: (size, bytes) => {
            connection?.receive(bytes as Buffer, size)
            return true
          },
        },
      })
      socket.once('connect', () => {
        connection = new LoadConnection(socket, inFlight, index)
        resolve(connection)
      })
      socket.on('error', (error) => {
        reject(error)
        connection?.fail(error)
      })
      socket.on('close', () => connection?.fail(new Error('the server closed the connection')))
    })
  }

  /** Sends calls until the deadline or the source's end; resolves when all are answered. */
  run(run: Run): Promise<void> {
    this.scanner = new RecordScanner(this, Math.max(VERDICT_BYTES, run.source.keep ?? 0))
    this.spare = []
    this.out = this.newOutBuffer(run.source)
    if (this.broken !== undefined) return Promise.reject(this.broken)
    return new Promise((resolve, reject) => {
      const done = (error?: Error) => {
        this.current = undefined
        if (error) reject(error)
        else resolve()
      }
      this.current = { ...run, done }
      this.now = performance.now()
      this.socket.cork()
      for (let slot = 0; slot < this.inFlight; slot++) this.send(slot, run.source)
      this.leave()
    })
  }

  close(): void {
    this.current = undefined
    this.socket.destroy()
  }

  record(bytes: Buffer, at: number, length: number): void {
    const { current } = this
    if (current === undefined) return
    const { source, failures } = current
    const xid = u32(bytes, at)
    const slot = xid & (MAX_IN_FLIGHT - 1)
    if (slot >= this.inFlight || this.xids[slot] !== xid) {
      failures.add(UNEXPECTED_XID)
      return
    }
    this.xids[slot] = 0
    this.outstanding -= 1
    const verdict = verdictOf(bytes, at, length)
    if (verdict !== 0 || length < source.leastReply) failures.add(verdict || TOO_SHORT)
    else if (source.finished !== undefined && !source.finished(bytes, at, length)) {
      this.send(slot, source)
      return
    }
    current.histogram.record(this.now - this.startedAt[slot]!)
    this.startedAt[slot] = 0
    if (this.now < current.deadline) this.send(slot, source)
  }

  private receive(bytes: Buffer, size: number): void {
    this.now = performance.now()
    this.socket.cork()
    this.scanner.push(bytes, size)
    this.leave()
  }

  private send(slot: number, source: CallSource): void {
    if (source.exhausted?.()) return
    this.sequence = (this.sequence + 1) & SEQUENCE_MASK || 1
    const xid = ((this.sequence << SLOT_BITS) | slot) >>> 0
    this.xids[slot] = xid
    this.outstanding += 1
    if (this.startedAt[slot] === 0) this.startedAt[slot] = this.now
    const out = this.out!
    out.size = source.put(out.bytes, out.size, xid)
    if (source.payload === undefined) return
    this.flush(source)
    this.socket.write(source.payload())
  }

  /** Ends a turn: what was put goes out in one system call. */
  private leave(): void {
    const { current } = this
    if (current !== undefined) this.flush(current.source)
    this.socket.uncork()
    if (current !== undefined && this.outstanding === 0) current.done()
  }

  private flush(source: CallSource): void {
    const out = this.out!
    if (out.size === 0) return
    this.out = this.spare.pop() ?? this.newOutBuffer(source)
    this.socket.write(out.bytes.subarray(0, out.size), out.release)
  }

  private newOutBuffer(source: CallSource): OutBuffer {
    const { spare } = this
    const out: OutBuffer = {
      bytes: Buffer.allocUnsafeSlow(source.size * this.inFlight),
      size: 0,
      release: () => {
        out.size = 0
        spare.push(out)
      },
    }
    return out
  }

  private fail(error: Error): void {
    this.broken = error
    this.current?.done(error)
  }
}
