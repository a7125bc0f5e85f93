/**
 * What src/commands/engine.ts puts together, on one thread and a simulated machine: the threads are
 * functions that are called a little later. A process that ends leaves it hanging in the air.
 */
import { Collector } from '../../src/commands/collector.ts'
import type { FrameLog } from '../../src/commands/committer.ts'
import { FileContent } from '../../src/commands/content/file-content.ts'
import { Sealer } from '../../src/commands/content/sealer.ts'
import { Sweeper } from '../../src/commands/content/sweeper.ts'
import { forgetPast } from '../../src/commands/forget-past.ts'
import { openWorld } from '../../src/commands/open-world.ts'
import { SealingClock } from '../../src/commands/sealing-clock.ts'
import { Stream } from '../../src/commands/stream.ts'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockStore } from '../../src/content/block-store.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { Bloom } from '../../src/content/bloom.ts'
import { Compactor } from '../../src/content/compactor.ts'
import { type DamageError, MissingError } from '../../src/content/damage.ts'
import { IndexQueue } from '../../src/content/index-queue.ts'
import { Mender } from '../../src/content/mender.ts'
import { notedBlocks, noteOf } from '../../src/content/noted-blocks.ts'
import { lanes } from '../../src/content/segment.ts'
import { Staging } from '../../src/content/staging.ts'
import { type Frame, lastSeq } from '../../src/journal/frame.ts'
import { claim, type Tail } from '../../src/journal/journal.ts'
import { recoverTail, restoreBlocks } from '../../src/journal/recover-tail.ts'
import { type Settled, Settler } from '../../src/journal/settler.ts'
import { entrySize, putEntry, SALT, type TailBlock } from '../../src/journal/tail-entry.ts'
import { readTail } from '../../src/journal/tail-log.ts'
import { TailWriter } from '../../src/journal/tail-writer.ts'
import { UnsettledBlocks } from '../../src/journal/unsettled-blocks.ts'
import { KiB, MiB } from '../../src/platform/limits.ts'
import { silentLog } from '../../src/platform/log.ts'
import { Follower } from '../../src/projections/follower.ts'
import { markBlocks } from '../../src/projections/marker.ts'
import { nodeId } from '../../src/projections/node-id.ts'
import { Pruner } from '../../src/projections/pruner.ts'
import { World } from '../../src/projections/world.ts'
import { callManyWhatIs } from './few-extents.ts'
import type { Machine } from './machine.ts'
import { DeadError } from './power.ts'
import type { SimulatedJournal } from './simulated-journal.ts'
import { SimulatedSettling } from './simulated-settling.ts'
import { SimulatedThread } from './simulated-thread.ts'

/** Small: rows have to leave memory and come back from the store. */
/** Often less than what a start has to fold. */
const REPLAY_MAX = 30
const ROWS_MEMORY = 96 * KiB
const CONTENT_MEMORY = 256 * KiB
const STAGING_BUDGET = 4 * MiB
/** As in src/journal/log-worker.ts. */
const HAND_OVER_MILLIS = 50

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
  private readonly sweeper: Sweeper
  private readonly sealing: SealingClock
  private readonly logThread: SimulatedThread
  private readonly contentThread: SimulatedThread
  private readonly followerThread: SimulatedThread
  private readonly settleThread: SimulatedThread
  private readonly settler: Settler
  private readonly settling: SimulatedSettling
  private readonly writer: TailWriter
  private readonly unsettled = new UnsettledBlocks()
  private due: NodeJS.Timeout | undefined
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
    this.settleThread = new SimulatedThread(random, 10)
    this.settler = new Settler({
      journal: parts.journal,
      disk: machine.tail,
      blocks: new BlockWriter(new BlockIndex(machine.index.open()), {
        ...{ disk, lane: lanes.log, segmentBytes: machine.segmentBytes },
      }),
    })
    this.settling = new SimulatedSettling({
      settler: this.settler,
      thread: this.settleThread,
      onSettled: (settled) => void this.settleThread.emit(() => this.landed(settled)),
      onFailure: this.crashed,
    })
    this.writer = new TailWriter({
      disk: machine.tail,
      settling: this.settling,
      newSalt: () => random.bytes(SALT),
      isFree: (seq) => parts.journal.isFree(seq),
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
        else if (event.type === 'ContentCut') this.sweeper.begin()
      },
      onFailure: (error) => this.fail(error),
    })
    const { stream, staging, blocks } = this
    const bulk = { store: (some: readonly Buffer[]) => this.storeBulk(some) }
    this.sweeper = new Sweeper(stream)
    const { sweeper } = this
    const onSealed = () => undefined
    this.sealer = new Sealer({ stream, staging, blocks, bulk, sweeper, onSealed })
    this.content = new FileContent({ stream, staging, blocks, sealer: this.sealer, sweeper })
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
    await recoverTail({
      ...{ journal, content: readTail(machine.tail) },
      restore: (entries) => restoreBlocks(disk, entries),
    })
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
    callManyWhatIs(machine.many, world, () => random.chance(0.4))
    const parts = { world, journal, tail, ofSeals, compactor, queue, news, pause }
    return new SimulatedEngine(machine, parts)
  }

  private fail(error: Error): void {
    this.failure ??= error
  }

  private frameLog(): FrameLog {
    return {
      append: async (frame, fresh) => {
        this.unsettled.add(lastSeq(frame), fresh)
        await this.logThread.call(() => this.append(frame, fresh))
      },
    }
  }

  /** What src/journal/log-worker.ts does. */
  private append({ bytes }: Frame, fresh: readonly TailBlock[]): void {
    const entry = Buffer.alloc(entrySize(bytes, fresh))
    putEntry(entry, bytes, fresh)
    this.writer.append(entry)
    this.due ??= setTimeout(() => this.handOver(), HAND_OVER_MILLIS)
  }

  private handOver(): void {
    this.due = undefined
    // Asked again when the other file is settled.
    if (!this.writer.handOver()) this.due = setTimeout(() => this.handOver(), 1)
  }

  /** Resolves when the journal can be read up to what is durable now. */
  private async settled(): Promise<void> {
    try {
      await this.logThread.call(() => {
        this.settling.wait()
        this.writer.handOver()
        this.settling.wait()
      })
    } catch (error) {
      // What is half in the journal fences the next append.
      this.crashed(error as Error)
      throw error
    }
    // What it has told of is heard.
    await this.settleThread.call(() => undefined)
  }

  private landed({ seq, places, position }: Settled): void {
    const { ids, written } = this.unsettled.settle(seq, places, position)
    this.blocks.landed(written)
    for (const id of ids) this.blocks.unpin(id)
    void this.followerThread.call(() => this.journal.poke())
    if (position === undefined) return
    const note = noteOf(written, position)
    const heard = () => this.queue.note(notedBlocks(note), position)
    void this.contentThread.call(heard).catch(this.crashed)
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
    const { stream, sealer, blocks, contentThread, settleThread, followerThread } = this
    const { compactor, ofSeals, follower } = this
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
          settleThread.call(() => this.settler.blocks.condemn(new Set(segments))),
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
    this.sweeper.stop()
    this.stream.stop()
    this.following.abort()
    await this.followerThread.call(() => this.follower.catchUp())
    clearTimeout(this.due)
    await this.logThread.call(() => this.writer.close())
    await this.settleThread.call(() => this.settler.close())
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
