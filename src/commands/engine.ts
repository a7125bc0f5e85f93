/**
 * A data directory at work: its stream, its content and the threads behind them. Knows nothing of
 * protocols.
 */
import { randomBytes } from 'node:crypto'
import type { BlockStore } from '../content/block-store.ts'
import { Staging } from '../content/staging.ts'
import type { Event } from '../journal/events.ts'
import { recordsOf } from '../journal/frame.ts'
import type { LmdbJournal } from '../journal/lmdb.ts'
import type { LogThread } from '../journal/log-thread.ts'
import type { JournalRecord } from '../journal/record.ts'
import type { Clock } from '../platform/clock.ts'
import { fault } from '../platform/fault.ts'
import { LAG_RECORDS_MAX, MiB } from '../platform/limits.ts'
import type { Log } from '../platform/log.ts'
import type { FollowerThread } from '../projections/follower-thread.ts'
import { nodeId, shareOf } from '../projections/node-id.ts'
import type { ShareOptions } from '../projections/share.ts'
import type { World } from '../projections/world.ts'
import { Collector } from './collector.ts'
import { FileContent } from './content/file-content.ts'
import { Sealer } from './content/sealer.ts'
import { Sweeper } from './content/sweeper.ts'
import { logNotTaken } from './content/writes-not-taken.ts'
import type { Damages } from './damages.ts'
import type { DataPaths } from './data-directory.ts'
import { type EngineParts, openParts } from './engine-parts.ts'
import { forgetPast } from './forget-past.ts'
import { Pressure } from './pressure.ts'
import type { RecentChanges } from './recent-changes.ts'
import { SealingClock } from './sealing-clock.ts'
import { SpaceProbe } from './space-probe.ts'
import { NO_ORIGIN, Stream } from './stream.ts'

export interface EngineOptions {
  readonly data: string
  readonly log: Log
  /** Bytes for rows of projections in memory, here and in the follower. */
  readonly projectionMemory: number
  /** Bytes for content that was read. */
  readonly contentMemory: number
  /** Bytes that may be staged before writers are slowed down. */
  readonly stagingBudget: number
  /** Bytes of disk that only what frees some may use. */
  readonly reserve: number
  /** The share of a new data directory, and how it is used. */
  readonly firstShare: { readonly name: string; readonly options: Partial<ShareOptions> }
  /** The stream is broken: close the engine and open it again. */
  readonly onFailure: (error: Error) => void
}

const COLLECT_MILLIS = 15 * 60_000
const BACKLOG_MAX = 64 * MiB

export class Engine {
  readonly paths: DataPaths
  readonly world: World
  readonly stream: Stream
  readonly staging: Staging
  readonly content: FileContent
  readonly blocks: BlockStore
  readonly damages: Damages
  readonly pressure: Pressure
  readonly space: SpaceProbe
  readonly clock: Clock
  /** Eight bytes that change whenever staged bytes could have been lost. */
  readonly verifier: Buffer
  readonly logThread: LogThread
  readonly journal: LmdbJournal
  readonly follower: FollowerThread
  readonly collector: Collector
  readonly changes: RecentChanges
  private readonly sealer: Sealer
  private readonly sweeper: Sweeper
  private readonly sealing: SealingClock
  private readonly collecting: NodeJS.Timeout
  private readonly closeParts: () => Promise<void>

  private constructor(parts: EngineParts, options: EngineOptions) {
    const { log, stagingBudget, reserve } = options
    this.paths = parts.paths
    this.world = parts.world
    this.clock = parts.clock
    this.blocks = parts.blocks
    this.damages = parts.damages
    this.logThread = parts.logThread
    this.follower = parts.follower
    this.journal = parts.journal
    this.closeParts = parts.close
    this.verifier = randomBytes(8)
    this.staging = new Staging(stagingBudget / 2)
    const promised = () => this.staging.bytes + this.stream.backlog().bytes
    this.space = new SpaceProbe({ ballast: parts.ballast, promised, reserve })
    this.stream = new Stream({
      world: parts.world,
      tail: parts.tail,
      log: parts.log,
      clock: parts.clock,
      random: random32,
      space: () => this.space.space(),
      exhausted: () => this.space.exhausted(),
      onFailure: options.onFailure,
      onEvent: (event, share) => this.happened(event, share),
    })
    const { stream, staging, blocks } = this
    this.changes = parts.changes
    stream.published$.subscribe((record) => this.changes.add(record))
    this.pressure = new Pressure([
      { name: 'staging', level: () => staging.memory, limit: stagingBudget },
      { name: 'backlog', level: () => stream.backlog().bytes, limit: BACKLOG_MAX },
      {
        name: 'follower',
        level: () => stream.decided - this.world.stored.seq,
        limit: LAG_RECORDS_MAX,
      },
    ])
    const onSealed = () => this.pressure.relieve()
    staging.onReleased = onSealed
    const { bulk, logThread, follower } = parts
    this.sweeper = new Sweeper(stream)
    const { sweeper } = this
    this.sealer = new Sealer({ stream, staging, blocks, bulk, sweeper, onSealed })
    const onNotTaken = logNotTaken(log)
    const { sealer } = this
    this.content = new FileContent({ stream, staging, blocks, sealer, sweeper, onNotTaken })
    this.collector = new Collector({
      stream,
      sealer: this.sealer,
      blocks,
      bulk,
      logThread,
      follower,
    })
    const onError = (error: Error) => log.error({ err: error }, 'staged writes cannot be stored')
    this.collecting = setInterval(() => this.collect(log), COLLECT_MILLIS).unref()
    this.sealing = new SealingClock(staging, this.sealer, parts.clock, stagingBudget, onError)
  }

  static async open(options: EngineOptions): Promise<Engine> {
    let engine: Engine | undefined
    const broken = Promise.withResolvers<never>()
    broken.promise.catch(() => undefined)
    const onFailure = (error: Error): void => {
      broken.reject(error)
      // What was decided may rest on what is wrong: nothing of it becomes durable any more.
      engine?.stream.stop()
      options.onFailure(error)
    }
    const parts = await openParts({ ...options, onFailure })
    try {
      engine = new Engine(parts, options)
      const opened = engine
      parts.news.onCheckpoint = (checkpoint) => {
        opened.world.onFlushed(checkpoint)
        fault('flush.heard')
        opened.pressure.relieve()
      }
      parts.news.onDurable = () => opened.pressure.relieve()
      parts.news.onHorizons = (horizons) => forgetPast(opened.stream, horizons)
      await Promise.race([engine.begin(options), broken.promise])
      return engine
    } catch (error) {
      await parts.close()
      throw error
    }
  }

  private collect(log: Log): void {
    this.collector.collect().then(
      (report) => report.segments > 0 && log.info(report, 'collected garbage'),
      (err) => log.error({ err }, 'collecting garbage failed'),
    )
  }

  private happened(event: Event, share: number): void {
    if (event.type === 'InodeFreed') this.staging.drop(nodeId(share, event.ino))
    else if (event.type === 'ContentChanged') this.collector.referred(event.extents)
    else if (event.type === 'ContentCut') this.sweeper.begin()
  }

  /** What a new data directory needs first: durable before anybody is served by it. */
  private async begin({ firstShare, log }: EngineOptions): Promise<void> {
    const { control } = this.world
    if (control.state.handleKey === '') {
      this.stream.submit(
        { type: 'CreateHandleKey', key: randomBytes(16).latin1Slice(0, 16) },
        NO_ORIGIN,
      )
    }
    if (control.state.nextShare > 1) return
    const { name, options } = firstShare
    const root = { mode: 0o777, uid: 0, gid: 0 }
    const made = this.stream.submit({ type: 'CreateShare', name, options, ...root }, NO_ORIGIN)
    if (typeof made === 'string' || made.outcome.kind !== 'accepted') {
      throw new Error(`a share cannot be called ${name}, or has no room`)
    }
    await this.stream.whenDurable(this.stream.decided)
    log.info({ share: name }, 'created the first share')
  }

  /** A record of the journal, once it is durable. */
  async record(seq: number): Promise<JournalRecord> {
    await this.stream.whenDurable(seq)
    await this.readable()
    for await (const frame of this.journal.stored(seq)) {
      const record = recordsOf(frame)[seq - frame.firstSeq]
      if (record !== undefined) return record
      break
    }
    throw new Error(`the journal has no record ${seq}`)
  }

  /** What is staged in a share becomes records, so that the moment has it too. */
  async seal(share: number): Promise<void> {
    const staged = [...this.staging.all()].filter(([id]) => shareOf(id) === share)
    await Promise.all(staged.map(([id]) => this.sealer.seal(id)))
  }

  /** Resolves when `journal` can be read up to what is durable now. */
  async readable(): Promise<void> {
    await this.logThread.drain()
    this.journal.poke()
  }

  /** Everything staged and decided becomes durable. */
  async drain(): Promise<void> {
    await Promise.all([...this.staging.all()].map(([id]) => this.sealer.seal(id)))
    this.stream.accesses.flush()
    await this.stream.whenDurable(this.stream.decided)
  }

  /** Gives everything up; what was not drained is lost, as in a crash. */
  async close(): Promise<void> {
    this.sealing.stop()
    this.sweeper.stop()
    clearInterval(this.collecting)
    this.space.stop()
    this.stream.stop()
    await this.closeParts()
  }
}

const random32 = (): number => randomPool.next()

/** Random numbers are drawn in bulk: one at a time costs more than the command they are for. */
const randomPool = {
  bytes: Buffer.alloc(0),
  at: 0,
  next(): number {
    if (this.at === this.bytes.length) {
      this.bytes = randomBytes(4096)
      this.at = 0
    }
    this.at += 4
    return this.bytes.readUInt32LE(this.at - 4)
  },
}
