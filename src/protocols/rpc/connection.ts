/**
 * One TCP connection: records in, replies out. Replies leave when what they saw is durable, in any
 * order; a peer that does not read, or asks for more than may be under way, is not read from.
 */
import type { Socket } from 'node:net'
import type { Pressure } from '../../commands/pressure.ts'
import type { Holder, Stream } from '../../commands/stream.ts'
import { MiB } from '../../platform/limits.ts'
import {
  acceptHeader,
  type Dispatcher,
  NotACallError,
  type Offer,
  type Served,
} from './dispatcher.ts'
import { NO_REPLY, type WriteResult } from './program.ts'
import { FramingError, RecordReader } from './record-reader.ts'
import { ReplyWriter } from './reply-writer.ts'
import { accept_stat } from './rpc-message.ts'

/** A WRITE of 1 MiB with its header and credentials. */
export const RECORD_MAX = MiB + 4096
const WRITER_SIZE = 64 * 1024
const WRITER_MAX = 4 * MiB
/** Replies that wait to be written to a peer that does not read. */
const UNSENT_MAX = 4 * MiB
/** Replies held for the journal. */
const HELD_MAX = 1024
/** Procedures that wait for the disk: each may come back with a megabyte. */
const WORKING_MAX = 64

export interface ConnectionOptions {
  readonly socket: Socket
  readonly dispatcher: Dispatcher
  readonly stream: Stream
  readonly pressure: Pressure
  readonly onFault: (error: unknown, procedure: string) => void
  readonly onClose: (reason: string | undefined) => void
}

/** Small replies are joined for one write: each costs the socket more than a copy does. */
const JOIN_UP_TO = 32 * 1024

interface Held {
  readonly seq: number
  readonly buffers: readonly Buffer[]
  readonly bytes: number
  readonly offer: Offer
  readonly status: number
  readonly arrived: number
}

export class Connection implements Holder {
  private readonly options: ConnectionOptions
  private readonly socket: Socket
  private readonly records: RecordReader
  private readonly writer = new ReplyWriter(WRITER_SIZE, WRITER_MAX)
  private held: Held[] = []
  private heldBytes = 0
  private working = 0
  /** When the calls that are being read came. Milliseconds. */
  private arrived = 0
  private reading = false
  private flushing = false
  private paused = false
  private closed = false
  private readonly resume = () => this.goOn()

  constructor(options: ConnectionOptions) {
    this.options = options
    const { socket } = options
    this.socket = socket
    this.records = new RecordReader(RECORD_MAX, (bytes, start, end) => {
      this.call(bytes, start, end)
      return !this.isFull()
    })
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    socket.on('data', (bytes: Buffer) => this.data(bytes))
    socket.on('drain', this.resume)
    socket.on('error', () => undefined)
    socket.on('close', () => this.close(undefined))
  }

  private data(bytes: Buffer): void {
    this.take(() => this.records.push(bytes))
    this.proceed()
  }

  /** Takes what has come, as far as may be, and then more or no more. */
  private proceed(): void {
    while (!this.closed && this.records.waiting && !this.mustWait()) {
      this.take(() => this.records.resume())
    }
    if (this.closed) return
    if (this.records.waiting || this.mustWait()) this.pause()
    else if (this.paused) {
      this.paused = false
      this.socket.resume()
    }
  }

  private take(records: () => void): void {
    this.reading = true
    this.arrived = performance.now()
    try {
      records()
    } catch (error) {
      if (!(error instanceof FramingError) && !(error instanceof NotACallError)) throw error
      this.reading = false
      this.flush()
      this.close(error.message)
      return
    }
    this.reading = false
    this.flush()
  }

  private call(bytes: Buffer, start: number, end: number): void {
    const w = this.writer
    w.begin()
    const served = this.options.dispatcher.dispatch(bytes, start, end, w)
    if (served === undefined) {
      w.end()
      return
    }
    if (typeof served.outcome === 'number') {
      this.finish(served.offer, served.outcome, this.arrived)
      return
    }
    w.abandon()
    if (served.outcome === NO_REPLY) return
    this.working += 1
    this.later(served, served.outcome)
  }

  private later(served: Served, outcome: Promise<WriteResult>): void {
    const { arrived } = this
    outcome.then(
      (write) => this.answer(served, write, arrived),
      (error) => {
        this.options.onFault(error, served.offer.title)
        this.answer(served, undefined, arrived)
      },
    )
  }

  /** The results of a procedure that took its time; undefined when it has failed. */
  private answer({ xid, offer }: Served, write: WriteResult | undefined, arrived: number): void {
    this.working -= 1
    if (this.closed) return
    const w = this.writer
    w.begin()
    acceptHeader(w, xid, write === undefined ? accept_stat.SYSTEM_ERR : accept_stat.SUCCESS)
    let seq = 0
    try {
      seq = write?.(w) ?? 0
    } catch (error) {
      this.options.onFault(error, offer.title)
      w.restart()
      acceptHeader(w, xid, accept_stat.SYSTEM_ERR)
    }
    this.finish(offer, seq, arrived)
    this.flushSoon()
    if (this.paused) this.goOn()
  }

  /** The reply is written: it goes with the next flush, or is kept until record `seq` is durable. */
  private finish(offer: Offer, seq: number, arrived: number): void {
    const w = this.writer
    w.end()
    const status = offer.procedure.plain === true ? 0 : w.status
    if (seq <= this.options.stream.durable) {
      offer.meter.answered(status, 1000 * (performance.now() - arrived))
      if (w.pending > WRITER_SIZE) this.flush()
      return
    }
    if (this.held.length === 0) this.options.stream.hold(this)
    const buffers = w.takeBack()
    const bytes = buffers.reduce((sum, { length }) => sum + length, 0)
    this.held.push({ seq, buffers, bytes, offer, status, arrived })
    this.heldBytes += bytes
  }

  release(durable: number): boolean {
    if (this.closed) return false
    const waiting: Held[] = []
    const free: Buffer[] = []
    const now = performance.now()
    for (const held of this.held) {
      if (held.seq > durable) waiting.push(held)
      else {
        held.offer.meter.answered(held.status, 1000 * (now - held.arrived))
        this.heldBytes -= held.bytes
        for (const buffer of held.buffers) free.push(buffer)
      }
    }
    this.held = waiting
    this.send(free)
    if (this.paused) this.goOn()
    return waiting.length > 0
  }

  private flushSoon(): void {
    if (this.flushing || this.reading) return
    this.flushing = true
    queueMicrotask(() => {
      this.flushing = false
      this.flush()
    })
  }

  private flush(): void {
    if (this.writer.pending === 0 || this.closed) return
    this.send(this.writer.drain())
  }

  private send(buffers: readonly Buffer[]): void {
    if (buffers.length === 0) return
    const size = buffers.reduce((sum, { length }) => sum + length, 0)
    if (buffers.length === 1 || size <= JOIN_UP_TO) {
      this.socket.write(buffers.length === 1 ? (buffers[0] as Buffer) : Buffer.concat(buffers))
      return
    }
    this.socket.cork()
    for (const buffer of buffers) this.socket.write(buffer)
    this.socket.uncork()
  }

  /** This connection has enough under way. */
  private isFull(): boolean {
    return (
      this.working >= WORKING_MAX ||
      this.held.length >= HELD_MAX ||
      this.heldBytes + this.writer.pending + this.socket.writableLength > UNSENT_MAX
    )
  }

  private mustWait(): boolean {
    return this.isFull() || this.options.pressure.blocked() !== undefined
  }

  private pause(): void {
    if (this.paused || this.closed) return
    this.paused = true
    this.socket.pause()
    if (this.options.pressure.blocked() !== undefined) this.options.pressure.wait(this.resume)
  }

  private goOn(): void {
    if (!this.paused || this.closed) return
    if (this.mustWait()) {
      if (this.options.pressure.blocked() !== undefined) this.options.pressure.wait(this.resume)
      return
    }
    this.options.pressure.forget(this.resume)
    this.proceed()
  }

  /** Calls that have no reply yet. */
  get underWay(): number {
    return this.working + this.held.length
  }

  close(reason: string | undefined): void {
    if (this.closed) return
    this.closed = true
    this.held = []
    this.options.pressure.forget(this.resume)
    this.socket.destroy()
    this.options.onClose(reason)
  }
}
