/** The change feed as the API hands it out: who may begin where, and how many there may be. */
import type { Socket } from 'node:net'
import type { Engine } from '../../commands/engine.ts'
import { FEED_CONSUMERS_MAX } from '../../platform/limits.ts'
import type { Log } from '../../platform/log.ts'
import { servingNow } from '../admin.ts'
import { Problem } from '../problem.ts'
import type { Running } from '../running.ts'
import type { Subscription } from './consumer.ts'
import { type Cursor, type Position, parseCursor, streamName, WHOLE } from './cursor.ts'
import type { FeedFilter } from './feed-filter.ts'
import { FeedProcess } from './feed-process.ts'
import { relevantHorizon } from './horizon.ts'

const HEARTBEAT_MILLIS = 15_000
/** For taking what was sent, before a consumer counts as too slow. */
const STALL_MILLIS = 30_000

/** The feed of one engine: another one begins when the stream was opened again. */
interface Current {
  readonly engine: Engine
  process: FeedProcess
}

export class Feed {
  private readonly running: Running
  private readonly log: Log
  private current: Current | undefined
  private readonly leaving = new Set<Promise<void>>()
  private stopped = false

  constructor(running: Running, log: Log) {
    this.running = running
    this.log = log
  }

  get consumers(): number {
    return this.current?.process.consumers ?? 0
  }

  /**
   * Where `after` is, for who wants that. Throws the Problem that says why there is no going on.
   */
  begin(after: string, filter: FeedFilter): { after: Position; durable: number } {
    const { durable } = servingNow(this.running).engine.stream
    return { after: this.position(after, filter, durable), durable }
  }

  private position(after: string, filter: FeedFilter, now: number): Position {
    const { engine } = servingNow(this.running)
    const { world } = engine
    const known = [...world.control.shares.values()]
    if (filter.share !== '' && !known.some(({ name }) => name === filter.share)) {
      throw Problem.refused(
        'unknown',
        `There is no share ${filter.share}. GET /v1/shares lists them.`,
      )
    }
    if (after === 'now') return { seq: now, index: WHOLE }
    const horizons = new Map(known.map(({ id }) => [id, world.horizon(id)]))
    const horizon = (seq: number) => relevantHorizon(known, horizons, filter.share, seq)
    if (after === 'oldest') return { seq: horizon(0), index: WHOLE }
    const cursor = this.cursorOf(after, engine)
    if (cursor.seq > now) {
      throw Problem.of(
        'bad-cursor',
        `The cursor ${after} is ahead of the journal, which ends with record ${now}: it is of ` +
          'another server, or this one was restored from a backup. Begin anew.',
      )
    }
    const forgotten = horizon(cursor.seq)
    if (forgotten <= cursor.seq) return cursor
    throw Problem.refused(
      'outOfRetention',
      `What happened between the cursor ${after} and record ${forgotten} is no longer kept: the ` +
        'share’s option retain says for how long it is. Look at everything, then begin with now.',
    )
  }

  private cursorOf(after: string, { world }: Engine): Cursor {
    const cursor = parseCursor(after)
    if (cursor === undefined) {
      throw Problem.of(
        'bad-cursor',
        'No cursor: now, oldest or the id of an event, such as 5f1c09ab23de/1234/0, is expected.',
      )
    }
    const stream = streamName(world.control.state.handleKey)
    if (cursor.stream === stream) return cursor
    throw Problem.of(
      'bad-cursor',
      `The cursor ${after} is of another journal; this one is ${stream}. Begin anew.`,
    )
  }

  /** Refuses when there are too many already. */
  admit(): void {
    if (this.stopped) throw Problem.of('unavailable', 'The server is stopping.')
    if (this.consumers < FEED_CONSUMERS_MAX) return
    throw Problem.of('unavailable', `There are ${FEED_CONSUMERS_MAX} consumers already.`)
  }

  /** Hands a connection over whose request is to be answered with the feed. */
  serve(socket: Socket, subscription: Subscription): void {
    this.processNow().serve(socket, subscription)
  }

  private processNow(): FeedProcess {
    const { engine, lost } = servingNow(this.running)
    if (this.current?.engine === engine && !this.current.process.leaving) {
      return this.current.process
    }
    const { paths, stream, world, follower } = engine
    const settings = {
      journalDir: paths.journal,
      storePath: paths.projections,
      stream: streamName(world.control.state.handleKey),
      durable: stream.durable,
      heartbeatMillis: HEARTBEAT_MILLIS,
      stallMillis: STALL_MILLIS,
    }
    const told = stream.published$.subscribe(({ seq }) => feed.tell(seq))
    const feed = new FeedProcess(settings, this.log, () => {
      told.unsubscribe()
      lost.removeEventListener('abort', end)
      // The next one may have begun already, and be in a hurry.
      if (!lost.aborted && this.current?.process === feed) follower.hurry(false)
    })
    const end = () => this.leave(feed)
    lost.addEventListener('abort', end)
    this.current = { engine, process: feed }
    follower.hurry(true)
    return feed
  }

  private leave(feed: FeedProcess): Promise<void> {
    const left = feed.end().finally(() => this.leaving.delete(left))
    this.leaving.add(left)
    return left
  }

  /** Ends all streams, each with its cursor. */
  async stop(): Promise<void> {
    this.stopped = true
    if (this.current !== undefined) void this.leave(this.current.process)
    await Promise.all(this.leaving)
  }
}
