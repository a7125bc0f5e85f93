/**
 * One world: clients, a server, crashes, and what must be true behind each. Everything follows from
 * the seed: the same seed is the same world.
 */
import assert from 'node:assert/strict'
import { storedRows } from '../../src/commands/check/stored-rows.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import type { Event } from '../../src/journal/events.ts'
import { decodeFrame, lastSeq } from '../../src/journal/frame.ts'
import type { JournalRecord } from '../../src/journal/record.ts'
import { readTail } from '../../src/journal/tail-log.ts'
import { KiB } from '../../src/platform/limits.ts'
import { fileKind } from '../../src/projections/inode.ts'
import { inoOf, shareOf } from '../../src/projections/node-id.ts'
import { tableSpecs } from '../../src/projections/rows.ts'
import { SeededRandom } from '../seeded-random.ts'
import { AllowedBytes } from './allowed-bytes.ts'
import { Machine } from './machine.ts'
import { DeadError, type End } from './power.ts'
import { Reference } from './reference.ts'
import { SHARE, SimulatedClient } from './simulated-client.ts'
import { SimulatedEngine } from './simulated-engine.ts'
import { checkBlocks, checkStore } from './stored-checks.ts'
import { dumpTree } from './tree-dump.ts'

export interface Options {
  readonly seed: number
  readonly lives: number
  /** Content is equal more often than not, segments are tiny, and all the time some are emptied. */
  readonly collecting?: boolean
  /** Files are cut again and again, and each time too much goes to be deleted at once. */
  readonly sweeping?: boolean
}

/** What came of a world, for comparing runs and for figures. */
export interface Outcome {
  readonly records: number
  readonly events: number
  readonly head: string
  readonly digest: string
  readonly interrupted: ReadonlyMap<string, number>
  readonly crashes: number
  readonly collected: number
  /** Pieces of what was cut off files. */
  readonly swept: number
}

interface Moment {
  readonly seq: number
  readonly tree: readonly string[]
}

export interface Unanswered {
  readonly ino: number
  readonly offset: number
  readonly bytes: Buffer
}

const CLIENTS = 4
const MOMENTS = 24
const STEPS_MAX = 900
/** Virtual milliseconds after which a life ends in any case. */
const LIFE_MILLIS = 4000
const TINY_SEGMENTS = 64 * KiB
const DUTIES = { moment: 6, compare: 2, prune: 1, collect: 2, flush: 2 } as const
const COLLECTING = { moment: 1, compare: 1, prune: 6, collect: 12, flush: 2 } as const

const specs = tableSpecs(0)

/** The last record that the crash has left, be it in the tail log alone. */
function durableSeq({ journal, tail }: Machine): number {
  const frames = readTail(tail).entries.map(({ frame }) => decodeFrame(frame))
  return Math.max(journal.last.seq, ...frames.map(lastSeq))
}

export class Simulation {
  readonly machine: Machine
  readonly collecting: boolean
  readonly sweeping: boolean
  private readonly options: Options
  private reference = new Reference()
  private files = new Map<number, AllowedBytes>()
  private moments: Moment[] = []
  /** Writes that clients have no answer to, from before the last crash. */
  private unanswered: Unanswered[] = []
  private acknowledged = 0
  /** What is before this record may be forgotten. */
  private pruned = 0
  private crashes = 0
  private collected = 0
  private swept = 0
  private problem: unknown

  constructor(options: Options) {
    this.options = options
    this.machine = new Machine(new SeededRandom(options.seed))
    this.collecting = options.collecting === true
    this.sweeping = options.sweeping === true
    if (this.collecting) this.machine.segmentBytes = TINY_SEGMENTS
  }

  /** Throws when anything is not as it must be. */
  async run(): Promise<Outcome> {
    const { machine, options } = this
    const uninstall = machine.time.install()
    try {
      for (let life = 0; life < options.lives; life++) await this.live(life)
      return {
        records: machine.journal.last.seq,
        events: machine.time.events,
        head: machine.journal.last.hash.toString('hex'),
        digest: this.reference.world.digest(),
        interrupted: machine.power.interrupted,
        crashes: this.crashes,
        collected: this.collected,
        swept: this.swept,
      }
    } finally {
      machine.power.stop('end of the world')
      uninstall()
    }
  }

  /** From a start to a crash. */
  private async live(life: number): Promise<void> {
    const { machine } = this
    const { random, power, time } = machine
    power.begin(Number.POSITIVE_INFINITY)
    const left = durableSeq(machine)
    assert.ok(left >= this.acknowledged, `${this.acknowledged} was promised, ${left} is left`)
    // What only the tail log has, and nobody was promised, the next crash may take.
    const tail = Math.max(machine.journal.last.seq, this.acknowledged)
    // What others wrote in its place since may have the number of a record that was lost.
    this.moments = this.moments.filter(({ seq }) => seq <= tail)
    machine.faults = { write: 0, sync: 0 }
    machine.journal.failures = 0
    machine.many = random.pick(this.sweeping ? [1, 2, 5, 12] : [3, 20, 1000])
    this.loseSome()
    await this.startsThatFail()
    power.begin(Number.POSITIVE_INFINITY)
    const engine = await this.verified(tail)
    const reopens = random.chance(0.15)
    machine.journal.failures = reopens ? 0.02 : 0
    machine.faults = random.chance(0.25) ? { write: 0.01, sync: 0.01 } : { write: 0, sync: 0 }
    power.limit(random.between(1, random.pick([60, 300, STEPS_MAX])))
    if (life === 0) this.createShare(engine)
    for (let i = 0; i < CLIENTS; i++) this.watched(new SimulatedClient(this, engine).run())
    this.watched(this.operate(engine))
    const until = time.now + LIFE_MILLIS
    time.onError = (error) => {
      if (error instanceof DeadError) return
      // What a disk says has a code; anything else is no fault of this world.
      if ((error as { code?: unknown }).code === undefined) this.problem ??= error
      engine.failure ??= error
    }
    const over = () => !power.alive || engine.failure !== undefined || time.now > until
    await time.runUntil(
      () => over() || this.problem !== undefined,
      () => this.maybeStop(),
    )
    if (this.problem !== undefined) throw this.problem
    if (power.alive && engine.failure === undefined) await this.calm(engine)
    this.end(engine)
  }

  private maybeStop(): void {
    const { power, random } = this.machine
    if (random.chance(0.0004)) power.stop('between two events')
  }

  /** Runs something to its end, with everything else going on. */
  private async during<T>(work: Promise<T>): Promise<T> {
    let settled = false
    const watched = work.finally(() => {
      settled = true
    })
    watched.catch(() => undefined)
    await this.machine.time.runUntil(() => settled)
    return watched
  }

  private watched(work: Promise<unknown>): void {
    work.catch((error) => {
      if (!(error instanceof DeadError)) this.problem ??= error
    })
  }

  /** What can be made again may be gone. */
  private loseSome(): void {
    const { random, projections, index } = this.machine
    if (random.chance(0.12)) projections.lose()
    if (random.chance(0.08)) index.lose()
    if (!this.collecting || !random.chance(0.3)) return
    index.loseKeys('blocks', random.pick([0.05, 0.5, 1]))
    this.machine.holes = true
  }

  /** Crashes while a start is under way. */
  private async startsThatFail(): Promise<void> {
    const { machine } = this
    const { random, power } = machine
    while (random.chance(0.3)) {
      power.begin(random.between(1, 12))
      await this.during(SimulatedEngine.open(machine)).catch((error) => {
        if (!(error instanceof DeadError)) throw error
      })
      this.crash()
    }
  }

  private crash(): void {
    const how: End = this.machine.random.chance(0.6) ? 'powerCut' : 'killed'
    this.machine.end(how)
    this.crashes += 1
  }

  private end(engine: SimulatedEngine): void {
    // A stream that broke is opened again by the same process: the system keeps what it has.
    if (engine.failure !== undefined && this.machine.power.alive) this.machine.end('killed')
    else this.crash()
  }

  private createShare(engine: SimulatedEngine): void {
    const root = { mode: 0o777, uid: 0, gid: 0 }
    const command = { type: 'CreateShare', name: '/export', options: {}, ...root } as const
    engine.stream.submit(command, NO_ORIGIN)
  }

  promised(seq: number): void {
    this.acknowledged = Math.max(this.acknowledged, seq)
  }

  created(ino: number): AllowedBytes {
    const file = new AllowedBytes()
    this.files.set(ino, file)
    return file
  }

  file(ino: number): AllowedBytes {
    const file = this.files.get(ino)
    if (file === undefined) throw new Error(`nobody made inode ${ino}`)
    return file
  }

  /** A write that somebody still wants an answer to. */
  takeUnanswered(): Unanswered | undefined {
    const { random } = this.machine
    const { length } = this.unanswered
    return length === 0 ? undefined : this.unanswered.splice(random.below(length), 1)[0]
  }

  /** What administrators and timers do. */
  private async operate(engine: SimulatedEngine): Promise<void> {
    const { time, random, power } = this.machine
    const { life } = power
    while (power.alive && power.life === life && engine.failure === undefined) {
      await time.sleep(random.between(5, this.collecting ? 30 : 120))
      const what = random.weighted(this.collecting ? COLLECTING : DUTIES)
      try {
        if (what === 'moment') this.remember(engine)
        else if (what === 'compare') this.compare(engine)
        else if (what === 'flush') await engine.flush()
        else if (what === 'prune') await this.prune(engine)
        else await this.collect(engine)
      } catch (error) {
        const faulty = (error as { code?: unknown }).code !== undefined
        if (power.alive && engine.failure === undefined && !faulty) throw error
      }
    }
  }

  private prune(engine: SimulatedEngine): Promise<void> {
    const horizon = Math.max(
      0,
      engine.stream.durable - this.machine.random.below(this.collecting ? 5 : 400),
    )
    this.pruned = Math.max(this.pruned, horizon)
    return engine.prune(horizon)
  }

  private async collect(engine: SimulatedEngine): Promise<void> {
    const { segments, damaged } = await engine.collector.collect()
    this.collected += segments
    assert.equal(damaged, 0, 'damaged blocks were found on the way')
  }

  private remember(engine: SimulatedEngine): void {
    const { world, stream } = engine
    if (world.control.shares.get(SHARE) === undefined) return
    stream.closeRecord()
    this.moments.push({ seq: world.seq, tree: dumpTree(world.live(SHARE)) })
    if (this.moments.length > MOMENTS) {
      this.moments.splice(this.machine.random.below(this.moments.length), 1)
    }
  }

  private compare({ world }: SimulatedEngine): void {
    assert.equal(world.digest(), this.reference.world.digest(), `live digest at ${world.seq}`)
  }

  /** Records that are folded are folded by the reference too. */
  private follow(engine: SimulatedEngine): void {
    const { world } = engine
    const { apply, amend } = world
    world.apply = (record: JournalRecord) => {
      apply.call(world, record)
      this.reference.apply(record)
      this.swept += record.events.filter(({ type }) => type === 'ContentSwept').length
    }
    world.amend = (record: JournalRecord, events: readonly Event[]) => {
      amend.call(world, record, events)
      this.reference.amend(record, events)
    }
  }

  /** Nothing goes wrong any more: everything that was written is there. */
  private async calm(engine: SimulatedEngine): Promise<void> {
    const { machine } = this
    machine.power.limit(Number.POSITIVE_INFINITY)
    machine.faults = { write: 0, sync: 0 }
    machine.journal.failures = 0
    await this.during(engine.drain())
    for (const [ino, file] of this.files) {
      if (engine.world.live(SHARE).inode(ino) !== undefined) file.until()()
    }
    this.promised(engine.stream.durable)
    this.compare(engine)
    await this.during(engine.flush())
    assert.deepEqual([...engine.world.divergences()], [])
    assert.deepEqual(engine.damages, [])
  }

  /** Starts, and looks whether everything is there. `tail`: the last record before. */
  private async verified(tail: number): Promise<SimulatedEngine> {
    const { machine } = this
    const engine = await this.during(SimulatedEngine.open(machine))
    const rebuilt = Reference.of(machine.journal)
    assert.equal(rebuilt.digest(tail), this.reference.digest(tail), `rebuilt to record ${tail}`)
    this.reference = rebuilt
    assert.equal(engine.world.digest(), this.reference.world.digest(), 'recovered digest')
    this.follow(engine)
    this.acknowledged = machine.journal.last.seq
    await this.during(engine.flush())
    await this.during(checkStore(machine, (seq) => this.reference.digest(seq)))
    await this.during(checkBlocks(machine, engine, this.pruned))
    await this.during(this.checkFiles(engine))
    this.checkMoments(engine)
    assert.deepEqual(engine.damages, [])
    return engine
  }

  private async checkFiles(engine: SimulatedEngine): Promise<void> {
    const found = new Map<number, AllowedBytes>()
    this.unanswered = []
    const store = this.machine.projections.open()
    for (const { group, value: inode } of storedRows(store, specs.inodes)) {
      if (inode.kind !== fileKind.regular || shareOf(group) !== SHARE) continue
      const ino = inoOf(group)
      const view = engine.world.live(SHARE)
      const parts =
        inode.size === 0 ? [] : await engine.content.read(view, inode, undefined, 0, inode.size)
      const bytes = Buffer.concat(parts.map((p) => (typeof p === 'number' ? Buffer.alloc(p) : p)))
      try {
        this.file(ino).check(bytes)
      } catch (error) {
        throw new Error(`inode ${ino}: ${(error as Error).message}`, { cause: error })
      }
      for (const { offset, bytes: written } of this.file(ino).unacknowledged()) {
        this.unanswered.push({ ino, offset, bytes: written })
      }
      found.set(ino, new AllowedBytes(bytes))
    }
    this.files = found
  }

  private checkMoments({ world }: SimulatedEngine): void {
    const { random } = this.machine
    for (const { seq, tree } of this.moments) {
      if (seq < this.pruned || random.chance(0.5)) continue
      assert.deepEqual(dumpTree(world.asOf(SHARE, seq)), tree, `as of record ${seq}`)
      const rebuilt = this.reference.world.asOf(SHARE, seq)
      assert.deepEqual(dumpTree(rebuilt), tree, `rebuilt, as of record ${seq}`)
    }
  }
}
