/**
 * One TCP connection: records in, replies out. Replies leave when what they saw is durable, in any
 * order; a peer that does not read, or asks for more than may be under way, is not read from.
 */
import type { Socket } from 'node:net'
import type { Pressure } from '../../commands/pressure.ts'
import type { Holder, Stream } from '../../commands/stream.ts'
import { CALLS_HELD_MAX, KiB, MiB } from '../../platform/limits.ts'
import {
  acceptHeader,
  type Dispatcher,
  NotACallError,
  type Offer,
  type Served,
} from './dispatcher.ts'
import { NO_REPLY, type WriteResult } from './program.ts'
import { receiveInto } from './receive.ts'
import { FramingError, RecordReader } from './record-reader.ts'
import { type Outgoing, ReplyWriter } from './reply-writer.ts'
import { accept_stat } from './rpc-message.ts'
import { SLAB_SIZE, slabs } from './slab.ts'

/** A WRITE of 1 MiB with its header and credentials. */
export const RECORD_MAX = MiB + 4096
const WRITER_MAX = 4 * MiB
/** Replies leave when there are so many bytes of them, or nothing more to answer. */
const FLUSH_FROM = 96 * KiB
/** Replies that wait to be written to a peer that does not read. */
const UNSENT_MAX = 4 * MiB
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

/** Replies that wait together: for the last record that one of them waits for. */
interface Held {
  readonly seq: number
  readonly outgoing: Outgoing
  readonly answers: readonly Answer[]
}

interface Answer {
  readonly offer: Offer
  readonly status: number
  readonly arrived: number
}

export class Connection implements Holder {
  private readonly options: ConnectionOptions
  private readonly socket: Socket
  private readonly records: RecordReader
  private readonly writer = new ReplyWriter(WRITER_MAX)
  /** Replies that must wait, of the calls in hand. */
  private readonly holding = new ReplyWriter(WRITER_MAX)
  private holdingFor = 0
  private answers: Answer[] = []
  private held: Held[] = []
  private heldReplies = 0
  private heldBytes = 0
  /** What the socket has not taken: slabs count as a whole. */
  private unsent = 0
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
    this.records = new RecordReader(RECORD_MAX, (bytes, start, end) => {
      this.call(bytes, start, end)
      return !this.isFull()
    })
    this.socket = receiveInto(options.socket, {
      room: () => this.records.room(),
      received: (room, size) => this.came(() => this.records.received(room, size)),
      push: (bytes) => this.came(() => this.records.push(bytes)),
    })
    const { socket } = this
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    socket.on('error', () => undefined)
    socket.on('close', () => this.close(undefined))
  }

  /** Returns whether more may come. */
  private came(records: () => void): boolean {
    this.take(records)
    this.proceed()
    return !this.paused && !this.closed
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
    if (served.offer.procedure.brief !== true) this.records.keep()
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

  /**
   * The reply is written: it goes with the next flush, or is kept until record `seq` is durable.
   */
  private finish(offer: Offer, seq: number, arrived: number): void {
    const w = this.writer
    w.end()
    const status = offer.procedure.plain === true ? 0 : w.status
    if (seq <= this.options.stream.durable) {
      offer.meter.answered(status, 1000 * (performance.now() - arrived))
      if (w.pending > FLUSH_FROM) this.flush()
      return
    }
    w.moveTo(this.holding)
    this.heldReplies += 1
    this.answers.push({ offer, status, arrived })
    if (seq > this.holdingFor) this.holdingFor = seq
    if (this.holding.pending > FLUSH_FROM) this.hold()
  }

  /** What must wait is put aside until the journal has it. */
  private hold(): void {
    if (this.answers.length === 0) return
    if (this.held.length === 0) this.options.stream.hold(this)
    const outgoing = this.holding.drain()
    this.held.push({ seq: this.holdingFor, outgoing, answers: this.answers })
    this.heldBytes += weightOf(outgoing)
    this.answers = []
    this.holdingFor = 0
  }

  release(durable: number): boolean {
    if (this.closed) return false
    const waiting: Held[] = []
    const now = performance.now()
    for (const held of this.held) {
      if (held.seq > durable) {
        waiting.push(held)
        continue
      }
      for (const { offer, status, arrived } of held.answers) {
        offer.meter.answered(status, 1000 * (now - arrived))
      }
      this.heldReplies -= held.answers.length
      this.heldBytes -= weightOf(held.outgoing)
      this.send(held.outgoing)
    }
    this.held = waiting
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
    this.hold()
    if (this.closed) return
    if (this.writer.pending > 0) this.send(this.writer.drain())
    this.writer.rest()
    this.holding.rest()
  }

  private send(outgoing: Outgoing): void {
    const { buffers, slab } = outgoing
    const weight = weightOf(outgoing)
    this.unsent += weight
    const sent = (): void => {
      this.unsent -= weight
      if (slab !== undefined) slabs.give(slab)
      if (this.paused) this.goOn()
    }
    const last = buffers.length - 1
    if (last > 0) this.socket.cork()
    for (let i = 0; i < last; i++) this.socket.write(buffers[i] as Buffer)
    this.socket.write(buffers[last] as Buffer, sent)
    if (last > 0) this.socket.uncork()
  }

  /** This connection has enough under way. */
  private isFull(): boolean {
    return (
      this.working >= WORKING_MAX ||
      this.heldReplies >= CALLS_HELD_MAX ||
      this.heldBytes + this.unsent + this.writer.pending + this.holding.pending > UNSENT_MAX
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
    return this.working + this.heldReplies
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

/** Memory that is kept by what waits to be sent. */
const weightOf = ({ bytes, slab }: Outgoing): number =>
  slab === undefined ? bytes : Math.max(bytes, SLAB_SIZE)
