/**
 * What src/commands/engine.ts puts together, on one thread and a simulated machine: the threads are
 * functions that are called a little later. A process that ends leaves it hanging in the air.
 */
import { Collector } from '../../src/commands/collector.ts'
import type { FrameLog, NewBlock } from '../../src/commands/committer.ts'
import { FileContent } from '../../src/commands/content/file-content.ts'
import { Sealer } from '../../src/commands/content/sealer.ts'
import { forgetPast } from '../../src/commands/forget-past.ts'
import { openWorld } from '../../src/commands/open-world.ts'
import { SealingClock } from '../../src/commands/sealing-clock.ts'
import { Stream } from '../../src/commands/stream.ts'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockStore } from '../../src/content/block-store.ts'
import { BlockWriter, identified, type Stored } from '../../src/content/block-writer.ts'
import { Bloom } from '../../src/content/bloom.ts'
import { Compactor } from '../../src/content/compactor.ts'
import { type DamageError, MissingError } from '../../src/content/damage.ts'
import { IndexQueue } from '../../src/content/index-queue.ts'
import { Mender } from '../../src/content/mender.ts'
import { lanes } from '../../src/content/segment.ts'
import { Staging } from '../../src/content/staging.ts'
import type { Frame } from '../../src/journal/frame.ts'
import { claim, type Tail } from '../../src/journal/journal.ts'
import { LogWriter } from '../../src/journal/log-writer.ts'
import { recoverTail } from '../../src/journal/recover-tail.ts'
import { readTail, SALT } from '../../src/journal/tail-log.ts'
import { KiB, MiB } from '../../src/platform/limits.ts'
import { silentLog } from '../../src/platform/log.ts'
import { Follower } from '../../src/projections/follower.ts'
import { markBlocks } from '../../src/projections/marker.ts'
import { nodeId } from '../../src/projections/node-id.ts'
import { Pruner } from '../../src/projections/pruner.ts'
import { World } from '../../src/projections/world.ts'
import type { Machine } from './machine.ts'
import { DeadError } from './power.ts'
import type { SimulatedJournal } from './simulated-journal.ts'
import { SimulatedThread } from './simulated-thread.ts'

/** Small: rows have to leave memory and come back from the store. */
/** Often less than what a start has to fold. */
const REPLAY_MAX = 30
const ROWS_MEMORY = 96 * KiB
const CONTENT_MEMORY = 256 * KiB
const STAGING_BUDGET = 4 * MiB
/** As in src/journal/log-worker.ts. */
const DRAIN_MILLIS = 50

export class SimulatedEngine {
  readonly world: World
  readonly stream: Stream
  readonly content: FileContent
  readonly blocks: BlockStore
  readonly staging = new Staging()
  readonly collector: Collector
  /** Why the stream is broken, once it is. */
  failure: Error | undefined
  readonly damages: DamageError[] = []
  private readonly machine: Machine
  private readonly journal: SimulatedJournal
  private readonly sealer: Sealer
  private readonly sealing: SealingClock
  private readonly logThread: SimulatedThread
  private readonly contentThread: SimulatedThread
  private readonly followerThread: SimulatedThread
  private readonly writer: LogWriter
  private draining: NodeJS.Timeout | undefined
  private readonly ofSeals: BlockWriter
  private readonly queue: IndexQueue
  private readonly compactor: Compactor
  private readonly mender: Mender
  private readonly follower: Follower
  private readonly following: AbortController
  private readonly pruner: Pruner
  private readonly pause: () => Promise<void>

  private constructor(machine: Machine, parts: Parts) {
    const { random, clock } = machine
    this.machine = machine
    this.following = machine.lease()
    this.world = parts.world
    this.journal = parts.journal
    this.ofSeals = parts.ofSeals
    this.compactor = parts.compactor
    this.queue = parts.queue
    parts.news.onIndexed = (position) =>
      void this.contentThread.emit(() => this.blocks.indexed(position))
    this.pause = parts.pause
    this.logThread = new SimulatedThread(random, 3)
    this.contentThread = new SimulatedThread(random, 6)
    this.followerThread = new SimulatedThread(random, 20)
    const { segments: disk } = machine
    this.writer = new LogWriter({
      journal: parts.journal,
      disk: machine.tail,
      salt: random.bytes(SALT),
      blocks: (onWrite) => {
        const options = { disk, lane: lanes.log, segmentBytes: machine.segmentBytes, onWrite }
        return new BlockWriter(new BlockIndex(machine.index.open()), options)
      },
    })
    const index = new BlockIndex(machine.index.open())
    this.blocks = new BlockStore({
      disk,
      index,
      memory: CONTENT_MEMORY,
      onDamage: (error) => this.damages.push(error),
      search: (id) => this.contentThread.call(() => this.mender.find(id)),
    })
    this.mender = new Mender({
      disk,
      index: new BlockIndex(machine.index.open()),
      writer: this.ofSeals,
      flush: () => this.queue.flush(),
      change: (written, position) => this.queue.change(written, [], position),
      pause: this.pause,
      onHidden: ({ id }) => {
        if (!machine.holes) this.damages.push(new MissingError(id))
      },
    })
    this.stream = new Stream({
      world: parts.world,
      tail: parts.tail,
      log: this.frameLog(),
      clock,
      random: () => random.word(),
      space: () => 'free',
      onEvent: (event, share) => {
        if (event.type === 'InodeFreed') this.staging.drop(nodeId(share, event.ino))
        else if (event.type === 'ContentChanged') this.collector.referred(event.extents)
      },
      onFailure: (error) => this.fail(error),
    })
    const { stream, staging, blocks } = this
    const bulk = { store: (some: readonly Buffer[]) => this.storeBulk(some) }
    this.sealer = new Sealer({ stream, staging, blocks, bulk, onSealed: () => undefined })
    this.content = new FileContent({ stream, staging, blocks, sealer: this.sealer })
    this.sealing = new SealingClock(staging, this.sealer, clock, STAGING_BUDGET, () => undefined)
    this.follower = this.newFollower()
    this.pruner = new Pruner(this.follower.world, this.pause)
    this.collector = this.newCollector()
    this.follow()
  }

  /** Opens what the machine has, as openParts in src/commands/engine-parts.ts does. */
  static async open(machine: Machine): Promise<SimulatedEngine> {
    const { segments: disk, random, clock } = machine
    const pause = () => new Promise<void>((resolve) => setTimeout(resolve, random.below(3)))
    const index = new BlockIndex(machine.index.open())
    const ofSeals = new BlockWriter(index, {
      disk,
      lane: lanes.bulk,
      segmentBytes: machine.segmentBytes,
    })
    const news: Parts['news'] = { onIndexed: () => undefined }
    const queue = new IndexQueue(index, (position) => news.onIndexed(position))
    const compactor = new Compactor({
      disk,
      index,
      writer: ofSeals,
      pause,
      change: (written, removed, position) => queue.change(written, removed, position),
      // The round that met them says how many they were.
      onDamage: () => undefined,
    })
    // As whoever opens a real one does.
    for (const each of [disk, machine.tail]) each.syncNames()
    const journal = machine.journal.open()
    await recoverTail({ journal, content: readTail(machine.tail), segments: disk })
    await pause()
    compactor.begin()
    index.recover(disk)
    await pause()
    const tail = await claim(journal, `life ${machine.power.life}`, () => clock.now())
    const world = await openWorld({
      place: {
        damage: () => undefined,
        open: () => machine.projections.open(),
        remove: async () => machine.projections.lose(),
      },
      memory: ROWS_MEMORY,
      journal,
      tail,
      log: silentLog,
      replayMax: REPLAY_MAX,
    })
    return new SimulatedEngine(machine, {
      world,
      journal,
      tail,
      ofSeals,
      compactor,
      queue,
      news,
      pause,
    })
  }

  private fail(error: Error): void {
    this.failure ??= error
  }

  private frameLog(): FrameLog {
    return {
      append: async (frame, fresh) => {
        const stored = await this.logThread.call(() => this.append(frame, fresh))
        if (stored !== undefined) this.landed(stored)
        for (const { id } of fresh) this.blocks.unpin(id)
      },
    }
  }

  /** What src/journal/log-worker.ts does. */
  private async append(frame: Frame, fresh: readonly NewBlock[]): Promise<Stored | undefined> {
    // Other threads are given copies.
    const copies = fresh.map(({ id, bytes }) => ({ id, bytes: Buffer.from(bytes) }))
    const stored = this.writer.append(frame, copies)
    this.draining ??= setTimeout(() => this.drainLog(), DRAIN_MILLIS)
    return stored
  }

  private drainLog(): void {
    clearTimeout(this.draining)
    this.draining = undefined
    try {
      this.writer.drain()
    } catch (error) {
      // What is half in the journal fences the next append.
      this.crashed(error as Error)
      throw error
    }
    void this.followerThread.call(() => this.journal.poke())
  }

  /** Resolves when the journal can be read up to what is durable now. */
  private settled(): Promise<void> {
    return this.logThread.call(() => this.drainLog())
  }

  private landed(stored: Stored): void {
    this.blocks.landed(stored.written)
    const { written, position } = stored
    void this.contentThread.call(() => this.queue.note(written, position)).catch(this.crashed)
  }

  /** What src/content/content-worker.ts does. */
  private storeBulk(some: readonly Buffer[]) {
    const named = some.map((block) => identified(Buffer.from(block)))
    return this.contentThread.call(() => {
      return this.ofSeals.storeLater(named, (stored) => {
        this.queue.note(stored.written, stored.position)
        return { ids: named.map(({ id }) => id), stored }
      })
    })
  }

  private newFollower(): Follower {
    const { machine } = this
    const world = new World(machine.projections.open(), ROWS_MEMORY)
    return new Follower({
      world,
      journal: this.journal,
      flushRecords: 40,
      flushMillis: 30,
      onCheckpoint: (checkpoint) =>
        void this.followerThread.emit(() => this.world.onFlushed(checkpoint)),
    })
  }

  /** A thread that ends breaks the stream. */
  private readonly crashed = (error: Error): void => {
    if (!(error instanceof DeadError)) this.fail(error)
  }

  private follow(): void {
    this.follower.follow(this.following.signal).catch(this.crashed)
  }

  private newCollector(): Collector {
    const { stream, sealer, blocks, contentThread, logThread, followerThread } = this
    const { compactor, ofSeals, writer, follower } = this
    const store = follower.world.store
    return new Collector({
      stream,
      sealer,
      blocks,
      bulk: {
        condemn: (segments) => contentThread.call(() => ofSeals.condemn(new Set(segments))),
        census: (live) =>
          contentThread.call(() => {
            this.queue.flush()
            return compactor.census(new Bloom(live.memory))
          }),
        empty: (segments, live) => contentThread.call(() => compactor.empty(segments, live)),
        remove: (segments) => contentThread.call(() => compactor.remove(segments)),
      },
      logThread: {
        condemn: (segments) =>
          logThread.call(() => {
            this.drainLog()
            writer.blocks.condemn(new Set(segments))
          }),
      },
      follower: {
        flush: async () => {
          await this.settled()
          return followerThread.call(() => follower.catchUp())
        },
        mark: (live) =>
          followerThread.call(() => markBlocks(store, (id) => live.add(id), this.pause)),
      },
    })
  }

  /** Forgets the past before a record, and resolves to it. */
  async prune(horizon: number): Promise<void> {
    const { follower, followerThread, pruner, stream } = this
    await forgetPast(
      stream,
      [...stream.world.control.shares.values()].map(({ id }) => [id, horizon] as const),
    )
    await this.settled()
    const pruned = await followerThread.call(async () => {
      await follower.catchUp()
      return pruner.prune()
    })
    await followerThread.emit(() => this.world.erase(pruned))
  }

  /** Everything that is staged and decided is durable when it resolves. */
  async drain(): Promise<void> {
    await Promise.all([...this.staging.all()].map(([id]) => this.sealer.seal(id)))
    await this.stream.whenDurable(this.stream.decided)
  }

  /** The store has everything when it resolves. */
  async flush(): Promise<void> {
    await this.settled()
    const checkpoint = await this.followerThread.call(() => this.follower.catchUp())
    this.world.onFlushed(checkpoint)
  }

  /** Ends in good order, as the server does before it opens a broken stream again. */
  async close(): Promise<void> {
    this.sealing.stop()
    this.stream.stop()
    this.following.abort()
    await this.followerThread.call(() => this.follower.catchUp())
    await this.logThread.call(() => this.writer.close())
    await this.contentThread.call(() => {
      this.queue.stop()
      this.queue.flush()
      this.ofSeals.close()
    })
    await this.journal.close()
  }
}

interface Parts {
  readonly world: World
  readonly journal: SimulatedJournal
  readonly tail: Tail
  readonly ofSeals: BlockWriter
  readonly compactor: Compactor
  readonly queue: IndexQueue
  readonly news: { onIndexed: (position: Parameters<BlockStore['indexed']>[0]) => void }
  readonly pause: () => Promise<void>
}
