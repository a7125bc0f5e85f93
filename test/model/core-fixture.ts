/**
 * The core without a network, threads or files: a stream and its world on a journal and a store on
 * the heap, with a follower that moves as fast as the test says. See src/commands/engine.ts.
 */

import { type Principal, SYSTEM } from '../../src/auth/principal.ts'
import { FileContent } from '../../src/commands/content/file-content.ts'
import { Sealer } from '../../src/commands/content/sealer.ts'
import type { Accepted, Refused } from '../../src/commands/decider.ts'
import type { Command } from '../../src/commands/deciders.ts'
import { NO_ORIGIN, Stream } from '../../src/commands/stream.ts'
import { noAttributes } from '../../src/commands/tree/new-object.ts'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockStore } from '../../src/content/block-store.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { placedBlocks } from '../../src/content/noted-blocks.ts'
import { lanes } from '../../src/content/segment.ts'
import { Staging } from '../../src/content/staging.ts'
import { recordsOf } from '../../src/journal/frame.ts'
import { claim, type Tail } from '../../src/journal/journal.ts'
import { MemoryJournal } from '../../src/journal/memory.ts'
import type { Clock, Instant } from '../../src/platform/clock.ts'
import { MiB } from '../../src/platform/limits.ts'
import { Follower } from '../../src/projections/follower.ts'
import { ROOT_INO } from '../../src/projections/inode.ts'
import { nodeId } from '../../src/projections/node-id.ts'
import { World } from '../../src/projections/world.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { MemoryDisk } from './memory-disk.ts'

export const SHARE = 1

/** Small: rows have to leave memory and come back from the store. */
const ROWS_MEMORY = 256 * 1024

/** What outlives a crash. */
interface Durable {
  readonly journal: MemoryJournal
  readonly store: MemoryStore
  readonly disk: MemoryDisk
  readonly clock: Clock
}

/** Time that passes only when somebody looks. */
class SteppingClock implements Clock {
  private at: Instant = { sec: 1_800_000_000, nsec: 0 }

  now(): Instant {
    const nsec = this.at.nsec + 1_234_567
    this.at = nsec < 1e9 ? { ...this.at, nsec } : { sec: this.at.sec + 1, nsec: nsec - 1e9 }
    return this.at
  }
}

export class Core {
  readonly world: World
  readonly stream: Stream
  readonly content: FileContent
  readonly staging = new Staging()
  readonly journal: MemoryJournal
  private readonly durable: Durable
  private readonly sealer: Sealer
  readonly follower: Follower
  private readonly random: SeededRandom
  private failure: Error | undefined

  private constructor(durable: Durable, world: World, tail: Tail, random: SeededRandom) {
    const { journal, store, disk, clock } = durable
    this.durable = durable
    this.journal = journal
    this.world = world
    this.random = random
    this.follower = new Follower({ world: new World(store, ROWS_MEMORY), journal })
    const index = new BlockIndex(new MemoryStore())
    index.recover(disk)
    const blocks = new BlockStore({
      disk,
      index,
      memory: MiB,
      onDamage: (error) => this.fail(error),
      search: async () => false,
    })
    const ofFrames = new BlockWriter(index, { disk, lane: lanes.log })
    const ofSeals = new BlockWriter(index, { disk, lane: lanes.bulk })
    const { staging } = this
    this.stream = new Stream({
      world,
      tail,
      log: {
        append: async (frame, fresh) => {
          if (fresh.length > 0) blocks.landed(placedBlocks(ofFrames.store(fresh).written))
          await journal.append(frame)
          for (const { id } of fresh) blocks.unpin(id)
        },
      },
      clock,
      random: () => random.word(),
      space: () => 'free',
      onEvent: (event, share) => {
        if (event.type === 'InodeFreed') staging.drop(nodeId(share, event.ino))
      },
      onFailure: (error) => this.fail(error),
    })
    const { stream } = this
    const bulk = {
      store: async (bytes: readonly Buffer[]) => {
        const named = bytes.map((block) => identified(Buffer.from(block)))
        return { ids: named.map(({ id }) => id), stored: ofSeals.store(named) }
      },
    }
    this.sealer = new Sealer({ stream, staging, blocks, bulk, onSealed: () => undefined })
    this.content = new FileContent({ stream, staging, blocks, sealer: this.sealer })
  }

  private fail(error: Error): void {
    this.failure ??= error
  }

  /** An empty share that anybody may write to. */
  static async create(random: SeededRandom): Promise<Core> {
    const clock = new SteppingClock()
    const journal = new MemoryJournal()
    const durable = { journal, store: new MemoryStore(), disk: new MemoryDisk(), clock }
    const core = await Core.on(durable, random)
    const options = { squash: 'none' } as const
    const root = { mode: 0o777, uid: 0, gid: 0 }
    await core.submit({ type: 'CreateShare', name: '/export', options, ...root }, SYSTEM)
    return core
  }

  private static async on(durable: Durable, random: SeededRandom): Promise<Core> {
    const { journal, store, clock } = durable
    const tail = await claim(journal, 'test', () => clock.now())
    const world = new World(store, ROWS_MEMORY)
    for await (const frame of journal.stored(world.seq + 1)) {
      for (const record of recordsOf(frame)) if (record.seq > world.seq) world.apply(record)
    }
    return new Core(durable, world, tail, random)
  }

  /** Begins again from what is durable: what was staged is gone. */
  async crash(): Promise<Core> {
    this.stream.stop()
    return Core.on(this.durable, this.random)
  }

  /** An empty file in the root, made by root. Rejects when it is refused. */
  async createFile(name: string): Promise<void> {
    const command: Command = {
      ...{ type: 'CreateFile' as const, how: 'guarded' as const },
      ...{ share: SHARE, dir: ROOT_INO, name },
      ...{ verifier: undefined, attributes: noAttributes, size: undefined },
    }
    const { kind } = await this.submit(command, { uid: 0, gid: 0, gids: [] })
    if (kind !== 'accepted') throw new Error(`${name} was ${kind}`)
  }

  /** Decides a command; resolves when the record is durable. */
  async submit(command: Command, principal: Principal): Promise<Accepted | Refused> {
    const { uid, gid } = principal
    const decision = this.stream.submit(command, { ...NO_ORIGIN, uid, gid }, principal)
    if (typeof decision === 'string') throw new Error(`parked until ${decision}`)
    await this.stream.whenDurable(decision.seq)
    if (this.failure !== undefined) throw this.failure
    return decision.outcome
  }

  /** The follower stores what is durable; the live world hears of it or not. */
  async follow(told: boolean): Promise<void> {
    const checkpoint = await this.follower.catchUp()
    if (told) this.world.onFlushed(checkpoint)
  }

  /** Everything staged and decided is durable when it resolves. */
  async drain(): Promise<void> {
    await Promise.all([...this.staging.all()].map(([id]) => this.sealer.seal(id)))
    await this.stream.whenDurable(this.stream.decided)
    if (this.failure !== undefined) throw this.failure
  }

  /** A world made from the journal alone. */
  async rebuilt(): Promise<World> {
    const world = new World(new MemoryStore(), ROWS_MEMORY)
    await new Follower({ world, journal: this.journal }).catchUp()
    return world
  }
}
