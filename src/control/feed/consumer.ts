/** One consumer of the change feed: takes batches as its connection takes bytes. */
import type { Socket } from 'node:net'
import type { Waiters } from '../../journal/waiters.ts'
import type { Batch, Encoded } from './batch.ts'
import { cursorText, type Position, reached, WHOLE } from './cursor.ts'
import type { FeedEvent } from './feed-event.ts'
import { type FeedFilter, filterKey, matcher } from './feed-filter.ts'
import {
  encodeEvents,
  encodeNotice,
  type FeedFormat,
  LAST_CHUNK,
  responseHead,
} from './feed-format.ts'
import type { Lane } from './lane.ts'
import type { Lanes, Ride } from './lanes.ts'

/** What a consumer asks for. Crosses processes. */
export interface Subscription {
  readonly filter: FeedFilter
  readonly format: FeedFormat
  readonly after: Position
  /** Events after which it ends; 0: never. */
  readonly limit: number
  /** The record behind which it ends; null: it goes on. */
  readonly until: number | null
}

/** Why a stream has ended. */
export type EndReason = 'limit' | 'head' | 'slow' | 'retention' | 'shutdown' | 'fault'

const details = {
  limit: 'As many events as were asked for.',
  head: 'There was nothing more when it was asked for.',
  slow: 'What was sent was not taken in time. Ask again with after=CURSOR.',
  retention: 'The events that follow are no longer kept: the share’s option retain says how long.',
  shutdown: 'The server stops or opens its journal again. Ask again with after=CURSOR.',
  fault: 'Something is wrong in the server; its log says what. Ask again with after=CURSOR.',
} as const satisfies Record<EndReason, string>

/** What all consumers share. */
export interface Hall {
  readonly stream: string
  readonly lanes: Lanes
  /** Woken when there is more, when there is room, and now and then. */
  readonly news: Waiters
  /** The last record that was forgotten of what a filter is about. */
  horizonOf(filter: FeedFilter, position: Position, horizons: Batch['horizons']): number
  readonly heartbeatMillis: number
  readonly stallMillis: number
}

/** How long a consumer that is away keeps a lane, and that it has for taking its last bytes. */
const LANE_KEPT_MILLIS = 500
const LINGER_MILLIS = 5000
const STALL_TICKS = 10

export class Consumer {
  readonly subscription: Subscription
  private readonly socket: Socket
  private readonly hall: Hall
  private readonly wants: (event: FeedEvent) => boolean
  private readonly key: string
  private readonly ride: Ride = { lane: undefined, taken: 0 }
  private readonly gone = new AbortController()
  private position: Position
  private sent = 0
  private lastWrite = 0
  private ended = false

  constructor(socket: Socket, subscription: Subscription, hall: Hall) {
    const { after, filter, format } = subscription
    this.subscription = subscription
    this.socket = socket
    this.hall = hall
    this.wants = matcher(filter)
    this.key = `${format} ${filterKey(filter)}`
    this.position = after
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    socket.on('error', () => undefined)
    socket.on('close', () => this.gone.abort())
    // Nothing more is expected from it but its end.
    socket.on('end', () => socket.destroy())
    socket.resume()
  }

  get cursor(): string {
    return cursorText(this.hall.stream, this.position)
  }

  /** Resolves when the connection is closed or will be. */
  async run(): Promise<EndReason | undefined> {
    await this.write(responseHead(this.subscription.format, this.cursor))
    let reason: EndReason | undefined
    while (reason === undefined && !this.isOver()) {
      // Before looking: what comes meanwhile must not be missed.
      const woken = this.hall.news.wait(this.gone.signal)
      const progress = await this.advance()
      if (progress === true) continue
      if (progress !== false) reason = progress
      else {
        await this.heartbeat()
        await woken
      }
    }
    this.hall.lanes.leave(this.ride)
    if (reason !== undefined) this.end(reason)
    return reason
  }

  private isOver(): boolean {
    return this.ended || this.gone.signal.aborted
  }

  /** True: it got further. False: it must wait. */
  private async advance(): Promise<boolean | EndReason> {
    const { lanes } = this.hall
    const { until } = this.subscription
    if (until !== null && reached(this.position, { seq: until, index: WHOLE })) return 'head'
    const lane = lanes.board(this.ride, this.position)
    const batch = await lane?.next(this.position)
    if (this.isOver()) return false
    if (lane === undefined) return false
    if (batch === undefined) return false
    const { filter } = this.subscription
    const horizon = this.hall.horizonOf(filter, this.position, batch.horizons)
    if (horizon > this.position.seq) return 'retention'
    return this.take(lane, batch)
  }

  private async take(lane: Lane, batch: Batch): Promise<boolean | EndReason> {
    const { limit, format } = this.subscription
    const left = limit === 0 ? Infinity : limit - this.sent
    const shared = left === Infinity && reached(batch.from, this.position)
    let encoded: Encoded & { readonly last?: FeedEvent | undefined }
    if (shared) encoded = this.encodedForAll(lane, batch)
    else encoded = encodeEvents(batch, this.position, format, this.wants, left)
    this.sent += encoded.count
    const full = encoded.count === left
    this.position = full && encoded.last !== undefined ? encoded.last : batch.to
    if (encoded.count > 0 && !(await this.write(encoded.bytes))) return 'slow'
    if (full) return 'limit'
    await this.heartbeat()
    return true
  }

  private encodedForAll(lane: Lane, batch: Batch): Encoded {
    const known = batch.encoded.get(this.key)
    if (known !== undefined) return known
    const made = encodeEvents(batch, batch.from, this.subscription.format, this.wants, Infinity)
    if (lane.riders > 1) {
      batch.encoded.set(this.key, made)
      lane.grew(made.bytes.length)
    }
    return made
  }

  private async heartbeat(): Promise<void> {
    if (performance.now() - this.lastWrite < this.hall.heartbeatMillis || this.isOver()) return
    const { format } = this.subscription
    await this.write(
      encodeNotice(format, {
        type: 'heartbeat',
        cursor: this.cursor,
        data: { cursor: this.cursor },
      }),
    )
  }

  /** False: it was not taken in time. */
  private write(bytes: Buffer): Promise<boolean> {
    this.lastWrite = performance.now()
    if (this.isOver() || this.socket.write(bytes)) return Promise.resolve(true)
    return new Promise((resolve) => {
      const leave = setTimeout(() => this.hall.lanes.leave(this.ride), LANE_KEPT_MILLIS)
      let ticks = 0
      const timer = setInterval(() => {
        // Counted, not measured: had we not been running ourselves, one tick would be all.
        ticks += 1
        if (ticks === STALL_TICKS) done(false)
      }, this.hall.stallMillis / STALL_TICKS)
      const done = (taken: boolean) => {
        clearTimeout(leave)
        clearInterval(timer)
        this.socket.off('drain', drained)
        this.gone.signal.removeEventListener('abort', drained)
        resolve(taken)
      }
      const drained = () => done(true)
      this.socket.once('drain', drained)
      this.gone.signal.addEventListener('abort', drained)
    })
  }

  /** Says where it was, and lets what was sent arrive. */
  end(reason: EndReason): void {
    if (this.isOver()) return
    this.ended = true
    const { format } = this.subscription
    const data = { reason, detail: details[reason], cursor: this.cursor }
    this.socket.write(encodeNotice(format, { type: 'ended', cursor: this.cursor, data }))
    this.socket.end(LAST_CHUNK)
    setTimeout(() => this.socket.destroy(), LINGER_MILLIS).unref()
  }
}
