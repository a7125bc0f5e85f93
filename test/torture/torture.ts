/**
 * Clients that work, a server that is killed with -9 again and again, and what must be true each
 * time it is back. Choices follow from a seed, moments only as far as the machine repeats itself.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dataPaths } from '../../src/commands/data-directory.ts'
import type { FaultPoint } from '../../src/platform/fault.ts'
import { RpcDisconnected } from '../client/rpc-error.ts'
import { connect, Session } from '../protocols/session.ts'
import { SeededRandom } from '../seeded-random.ts'
import { errorsAmong, ServerProcess, StartError } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { FileTask } from './file-task.ts'
import { environmentOf, type Kill, needsMaintenance, someMoment } from './kills.ts'
import { PowerCut } from './power/power-cut.ts'
import { checkContent, checkJournal, checkProjections, Rebuild } from './state-checks.ts'
import type { Task } from './task.ts'
import { TreeTask } from './tree-task.ts'

export interface Figures {
  kills: number
  /** By a fault point. */
  faults: number
  /** Before it served anybody. */
  starts: number
  acknowledged: number
  /** Comparisons of everything that tasks know with what is there. */
  verified: number
  rebuilds: number
  /** Checks of everything from the first record on, with the server stopped. */
  wholes: number
  blocks: number
  records: number
  /** Sectors that no sync had made durable when the power went, and those that were lost. */
  unsynced: number
  lost: number
  /** Names that went or came back. */
  names: number
  readonly reached: Map<FaultPoint, number>
}

export const noFigures = (): Figures => ({
  kills: 0,
  faults: 0,
  starts: 0,
  acknowledged: 0,
  verified: 0,
  rebuilds: 0,
  wholes: 0,
  blocks: 0,
  records: 0,
  unsynced: 0,
  lost: 0,
  names: 0,
  reached: new Map(),
})

/** What clients work on. */
export interface Load {
  /** Trees whose clients take a broken connection for the end. */
  readonly softTrees: number
  /** Trees whose clients connect again and repeat what they have no answer to. */
  readonly hardTrees: number
  /** Sizes that files may grow to. */
  readonly files: readonly number[]
  /** When the server ends, its power goes with it. */
  readonly powerCuts?: boolean
  /** Nothing is retained, and garbage is collected all the time. */
  readonly collecting?: boolean
}

export const fullLoad: Load = {
  softTrees: 4,
  hardTrees: 3,
  files: [20_000, 200_000, 200_000, 2_000_000],
}
/** How long a fault point may take to be reached before the server is killed without it. */
const PATIENCE_MILLIS = 4000
const BEFORE_STOP_MILLIS = 200
/** The machine may have much else to do. */
const RECONNECT_MILLIS = 600_000
const PATIENT = { timeoutMs: RECONNECT_MILLIS }
/** Whole checks, with the server stopped, are made every so many kills. */
const WHOLE_EVERY = 10
/** How long a process that was killed may take to be gone, on a machine that may stand still. */
const DYING_MILLIS = 120_000
const SMALL_SEGMENTS = 256 * 1024
const SETTINGS = { 'share-squash': 'none' }

/**
 * A port for a server that comes and goes: not one of those that connections begin at. Who connects
 * to such a port again and again while nobody listens is in the end connected to itself.
 */
async function quietPort(random: SeededRandom): Promise<number> {
  for (;;) {
    const port = random.between(20_000, 32_000)
    const probe = createServer().listen(port, '127.0.0.1')
    try {
      await once(probe, 'listening')
      return port
    } catch {
      // Taken.
    } finally {
      probe.close()
    }
  }
}

const atRest = async (): Promise<void> => undefined

/** Of a connection to a server that dies: RPC's, or HTTP's. */
const isDisconnection = (error: unknown): boolean =>
  error instanceof RpcDisconnected ||
  (error instanceof TypeError && /fetch failed|terminated/.test(error.message))

export class Torture {
  readonly figures: Figures
  private readonly load: Load
  private readonly random: SeededRandom
  private readonly directory = temporaryDirectory('torture')
  private readonly data = join(this.directory.path, 'data')
  private readonly paths = dataPaths(this.data)
  private readonly rebuild = new Rebuild(this.paths, this.directory.path)
  private readonly power: PowerCut | undefined
  private readonly soft: Task[] = []
  private readonly hard: Task[] = []
  private server: ServerProcess | undefined
  /** With a server there again, resolves when nobody waits for an answer any more. */
  private resting: () => Promise<void> = atRest
  /** Nobody will wait for an answer any more. */
  private leave: () => Promise<void> = atRest
  private port = 0

  constructor(seed: number, figures: Figures, load = fullLoad) {
    this.load = load
    if (load.powerCuts === true) {
      mkdirSync(this.data)
      this.power = new PowerCut(this.data, this.directory.path)
    }
    this.random = new SeededRandom(seed)
    this.figures = figures
  }

  async begin(): Promise<void> {
    this.port = await quietPort(this.random)
    this.server = await this.start()
    const session = await this.connect()
    const seeded = () => new SeededRandom(this.random.word())
    const { softTrees, hardTrees, files } = this.load
    for (let i = 0; i < softTrees + hardTrees; i++) {
      const directory = await session.mkdir(session.root, `tree ${i}`, 0o777)
      await session.set(directory, { mode: 0o777 })
      const tasks = i < softTrees ? this.soft : this.hard
      tasks.push(new TreeTask(seeded(), session, directory))
    }
    for (const [i, capacity] of files.entries()) {
      const file = await session.create(session.root, `file ${i}`)
      this.soft.push(new FileTask(seeded(), file, capacity))
    }
    await session.close()
    await this.server.stop()
    this.cutPower()
  }

  private start(kill?: Kill): Promise<ServerProcess> {
    const environment = {
      ...(this.load.collecting === true && { DITTOFS_SEGMENT_BYTES: `${SMALL_SEGMENTS}` }),
      ...this.power?.environment(),
      ...(kill && environmentOf(kill)),
    }
    const options = { data: this.data, nfsPort: this.port, settings: SETTINGS, environment }
    if (kill?.kind !== 'starting') return ServerProcess.start(options)
    return ServerProcess.start({ ...options, killAfter: kill.millis })
  }

  /** One life of the server, from what is there of the last one to its end. */
  async round(kill: Kill): Promise<void> {
    const before = this.acknowledged()
    const left = await this.serve(kill)
    await this.live(left)
    await this.killed(this.running().lines)
    this.figures.acknowledged += this.acknowledged() - before
  }

  /**
   * Starts the server with its end in store, and compares what is there with what is known. It may
   * end meanwhile: then it is started again, without. Resolves to how it is to end now.
   */
  private async serve(kill: Kill): Promise<Kill> {
    // Who is looked at as a whole stops in good order first, and must not end on the way.
    const whole = this.figures.kills % WHOLE_EVERY === 0 && this.figures.kills > 0
    let left: Kill | undefined = whole ? undefined : kill
    for (;;) {
      const died: readonly string[] | undefined = await this.tryToServe(left)
      if (died === undefined) break
      this.figures.starts += 1
      await this.killed(died)
      left = undefined
    }
    if (whole) {
      await this.checkWhole()
      this.server = await this.start()
    }
    return left ?? someMoment(this.random)
  }

  /** What the server said before it died, if it did. */
  private async tryToServe(kill: Kill | undefined): Promise<readonly string[] | undefined> {
    let server: ServerProcess
    try {
      server = await this.start(kill)
    } catch (error) {
      if (error instanceof StartError && error.code === null) return error.log
      throw error
    }
    this.server = server
    try {
      // Whoever goes on asking gets no answer from a server that has died again.
      const gone = server.exited.then(() => {
        throw new RpcDisconnected('the server is dead')
      })
      gone.catch(() => undefined)
      await Promise.race([this.resting(), gone])
      await this.verify()
      await this.compareRebuilt(server)
      return undefined
    } catch (error) {
      if (!isDisconnection(error)) throw error
      await Promise.race([server.exited, sleep(DYING_MILLIS, undefined, { ref: false })])
      if (server.alive) throw error
      return server.lines
    }
  }

  /** The server is dead, which is no reason for anything that lies there to be wrong. */
  private async killed(lines: readonly string[]): Promise<void> {
    this.figures.kills += 1
    this.note(lines)
    this.cutPower()
    await checkProjections(this.paths)
  }

  /** Of a server that is gone. */
  private cutPower(): void {
    if (this.power === undefined) return
    const { sectors, lost, names } = this.power.cut(this.random)
    this.figures.unsynced += sectors
    this.figures.lost += lost
    this.figures.names += names
  }

  private acknowledged(): number {
    return [...this.soft, ...this.hard].reduce((sum, task) => sum + task.acknowledged, 0)
  }

  /** Clients work until the server ends. */
  private async live(kill: Kill): Promise<void> {
    const server = this.running()
    const sessions = await this.connectTo(server)
    if (sessions === undefined) return
    const { soft, hard } = sessions
    let paused = false
    const work = this.soft.map((task) => task.work(soft, () => false))
    const going = Promise.all(this.hard.map((task) => task.work(hard, () => paused)))
    going.catch(() => undefined)
    const failed = Promise.all([...work, going]).then(() => undefined)
    failed.catch(() => undefined)
    const needed = needsMaintenance(kill) || this.load.collecting === true
    if (needed || this.random.chance(0.3)) void this.maintain(server, needed ? 0 : 3600)
    await Promise.race([this.ended(server, kill), failed])
    await server.kill()
    await Promise.all(work)
    paused = true
    this.resting = async () => {
      await going
      await hard.close()
      this.resting = atRest
    }
    this.leave = () => hard.close()
  }

  /** Undefined: it was killed by what connecting does. */
  private async connectTo(
    server: ServerProcess,
  ): Promise<{ readonly soft: Session; readonly hard: Session } | undefined> {
    try {
      const soft = await this.connect()
      // Mounted already: who mounts in vain would wait for a server, and nobody starts one yet.
      const rpc = await connect(this.port, { ...PATIENT, reconnectMs: RECONNECT_MILLIS })
      return { soft, hard: new Session(rpc, soft.root, soft.credentials) }
    } catch (error) {
      if (!isDisconnection(error)) throw error
      await server.exited
      return undefined
    }
  }

  private connect(): Promise<Session> {
    return Session.open(this.port, undefined, '/export', PATIENT)
  }

  private note(lines: readonly string[]): void {
    assert.deepEqual(errorsAmong(lines), [])
    const said = lines.find((line) => line.startsWith('fault '))
    if (said === undefined) return
    const point = said.slice('fault '.length) as FaultPoint
    const { figures } = this
    figures.faults += 1
    figures.reached.set(point, (figures.reached.get(point) ?? 0) + 1)
  }

  private async ended(server: ServerProcess, kill: Kill): Promise<void> {
    if (kill.kind === 'stopping') {
      await sleep(BEFORE_STOP_MILLIS)
      void server.stop()
    }
    const millis = 'millis' in kill ? kill.millis : PATIENCE_MILLIS
    await Promise.race([server.exited, sleep(millis, undefined, { ref: false })])
  }

  /** What administrators do meanwhile; nobody hears how it ends. */
  private async maintain(server: ServerProcess, retain: number): Promise<void> {
    try {
      await server.ask('PATCH', '/v1/shares/%2Fexport', { options: { retain } })
      for (;;) await server.ask('POST', '/v1/collection', {})
    } catch {
      // It is dead.
    }
  }

  private async verify(): Promise<void> {
    const session = await this.connect()
    const tasks = [...this.soft, ...this.hard]
    const outcomes = await Promise.allSettled(tasks.map((task) => task.verify(session)))
    const reasons = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    // What is wrong must not hide behind a server that dies at the same time.
    const reason = reasons.find((one) => !isDisconnection(one)) ?? reasons[0]
    if (reason !== undefined) throw reason
    this.figures.verified += tasks.length
    await session.close()
  }

  /** Live state is what the journal amounts to, folded apart from it. */
  private async compareRebuilt(server: ServerProcess): Promise<void> {
    for (let tries = 0; tries < 20; tries++) {
      const live = JSON.parse(await server.ask('GET', '/v1/digest?audit=1'))
      const rebuilt = await this.rebuild.catchUp()
      assert.deepEqual(live.divergences, [])
      if (live.seq !== rebuilt.seq) continue
      assert.equal(live.digest, rebuilt.digest)
      this.figures.rebuilds += 1
      return
    }
    assert.fail('the server goes on changing something without clients')
  }

  private running(): ServerProcess {
    if (this.server === undefined) throw new Error('no server runs')
    return this.server
  }

  /** Everything, from the first record on, with nobody at work. */
  private async checkWhole(): Promise<void> {
    const server = this.running()
    assert.equal(await server.stop(), 0, server.lines.join('\n'))
    this.cutPower()
    this.figures.wholes += 1
    this.figures.records = await checkJournal(this.paths)
    const scratch = temporaryDirectory('torture-rebuild')
    try {
      const { digest } = await new Rebuild(this.paths, scratch.path).catchUp()
      assert.equal(await checkProjections(this.paths), digest, 'rebuilt from the first record on')
    } finally {
      scratch.remove()
    }
    this.figures.blocks += await checkContent(this.paths)
  }

  async end(): Promise<void> {
    await this.keep()
    this.directory.remove()
  }

  /** The same, and what is there stays: resolves to where. */
  async keep(): Promise<string> {
    await this.leave()
    await this.server?.kill()
    return this.directory.path
  }
}
