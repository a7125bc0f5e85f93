/**
 * Clients that work, a server that is killed with -9 again and again, and what must be true each
 * time it is back. Choices follow from a seed, moments only as far as the machine repeats itself.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dataPaths } from '../../src/commands/data-directory.ts'
import { type FaultPoint, faultPoints } from '../../src/platform/fault.ts'
import { RpcDisconnected } from '../client/rpc-error.ts'
import { connect, Session } from '../protocols/session.ts'
import { SeededRandom } from '../seeded-random.ts'
import { ServerProcess, StartError } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { FileTask } from './file-task.ts'
import { checkContent, checkJournal, checkProjections, Rebuild } from './state-checks.ts'
import type { Task } from './task.ts'
import { TreeTask } from './tree-task.ts'

/** How a server ends: when a place is passed for the Nth time, or so many milliseconds in. */
export type Kill =
  | { readonly kind: 'fault'; readonly point: FaultPoint; readonly pass: number }
  | { readonly kind: 'moment'; readonly millis: number }
  | { readonly kind: 'starting'; readonly millis: number }
  /** So many milliseconds after it was asked to stop in good order. */
  | { readonly kind: 'stopping'; readonly millis: number }

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
}

export const fullLoad: Load = {
  softTrees: 4,
  hardTrees: 3,
  files: [20_000, 200_000, 200_000, 2_000_000],
}
/** How long a fault point may take to be reached before the server is killed without it. */
const PATIENCE_MILLIS = 6000
const BEFORE_STOP_MILLIS = 200
const RECONNECT_MILLIS = 120_000
const PATIENT = { timeoutMs: RECONNECT_MILLIS }
/** Whole checks, with the server stopped, are made every so many kills. */
const WHOLE_EVERY = 10
const SETTINGS = { 'share-squash': 'none' }

/** Points that are passed often: which pass it is should differ. */
const OFTEN = /^(file\.(write|written|synced)|frame|stream|seal|store|flush|index)/
/** Points that are passed when somebody asks for it. */
const MAINTAINED = /^(prune|collect|compact|file\.removed)/

export function someKill(random: SeededRandom): Kill {
  const kind = random.weighted({ fault: 52, moment: 36, starting: 7, stopping: 5 })
  if (kind !== 'fault') return { kind, millis: random.between(20, 700) }
  const point = random.pick(faultPoints)
  const most = OFTEN.test(point) ? random.pick([3, 30, 200]) : 2
  return { kind, point, pass: random.between(1, most) }
}

export class Torture {
  readonly figures: Figures
  private readonly load: Load
  private readonly random: SeededRandom
  private readonly directory = temporaryDirectory('torture')
  private readonly data = join(this.directory.path, 'data')
  private readonly paths = dataPaths(this.data)
  private readonly rebuild = new Rebuild(this.paths, this.directory.path)
  private readonly soft: Task[] = []
  private readonly hard: Task[] = []
  private server: ServerProcess | undefined
  private port = 0

  constructor(seed: number, figures: Figures, load = fullLoad) {
    this.load = load
    this.random = new SeededRandom(seed)
    this.figures = figures
  }

  async begin(): Promise<void> {
    this.server = await this.start({})
    this.port = this.server.port
    const session = await Session.open(this.port)
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
  }

  private start(environment: Readonly<Record<string, string>>, killAfter?: number) {
    const options = { data: this.data, nfsPort: this.port, settings: SETTINGS, environment }
    return ServerProcess.start(killAfter === undefined ? options : { ...options, killAfter })
  }

  /** One life of the server, its end, and what is there then. */
  async round(kill: Kill): Promise<void> {
    const { figures } = this
    const before = this.acknowledged()
    const resting = await this.live(kill)
    figures.kills += 1
    await checkProjections(this.paths)
    this.server = await this.start({})
    await resting()
    await this.verify()
    figures.acknowledged += this.acknowledged() - before
    await this.compareRebuilt()
    assert.deepEqual(this.server.errors, [])
    if (figures.kills % WHOLE_EVERY === 0) await this.checkWhole()
  }

  private acknowledged(): number {
    return [...this.soft, ...this.hard].reduce((sum, task) => sum + task.acknowledged, 0)
  }

  /**
   * Starts the server with its end in store, and lets clients work until it comes. Resolves to how
   * to wait, with a server there again, for what clients go on asking for.
   */
  private async live(kill: Kill): Promise<() => Promise<void>> {
    let server: ServerProcess
    try {
      server = await this.serverFor(kill)
    } catch (error) {
      if (!(error instanceof StartError)) throw error
      this.figures.starts += 1
      this.note(error.log)
      return async () => undefined
    }
    const sessions = await this.connectTo(server)
    if (sessions === undefined) return async () => undefined
    const { soft, hard } = sessions
    let paused = false
    const work = this.soft.map((task) => task.work(soft, () => false))
    const going = this.hard.map((task) => task.work(hard, () => paused))
    const all = Promise.all([...work, ...going])
    const failed = all.then(() => undefined)
    failed.catch(() => undefined)
    const asked = kill.kind === 'fault' && MAINTAINED.test(kill.point)
    if (asked || this.random.chance(0.3)) void this.maintain(server, asked ? 0 : 3600)
    await Promise.race([this.ended(server, kill), failed])
    await server.kill()
    this.note(server.lines)
    assert.deepEqual(this.errorsOf(server), [])
    await Promise.all(work)
    paused = true
    return async () => {
      await Promise.all(going)
      await hard.close()
    }
  }

  private async serverFor(kill: Kill): Promise<ServerProcess> {
    const { server } = this
    const asItIs = kill.kind === 'moment' || kill.kind === 'stopping'
    if (asItIs && server?.alive) return server
    await server?.kill()
    if (asItIs) return this.start({})
    if (kill.kind === 'starting') return this.start({}, kill.millis)
    return this.start({ DITTOFS_FAULT: `${kill.point}:${kill.pass}` })
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
      if (!(error instanceof RpcDisconnected)) throw error
      await server.exited
      this.note(server.lines)
      return undefined
    }
  }

  private connect(): Promise<Session> {
    return Session.open(this.port, undefined, '/export', PATIENT)
  }

  private errorsOf(server: ServerProcess): readonly string[] {
    return server.errors.filter((line) => !line.startsWith('fault '))
  }

  private note(lines: readonly string[]): void {
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
    const millis = kill.kind === 'fault' ? PATIENCE_MILLIS : kill.millis
    await Promise.race([server.exited, sleep(millis)])
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
    await Promise.all(tasks.map((task) => task.verify(session)))
    this.figures.verified += tasks.length
    await session.close()
  }

  /** Live state is what the journal amounts to, folded apart from it. */
  private async compareRebuilt(): Promise<void> {
    for (let tries = 0; tries < 20; tries++) {
      const live = JSON.parse(await this.running().ask('GET', '/v1/digest?audit=1'))
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
    assert.equal(await this.running().stop(), 0)
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
    await this.server?.kill()
    this.directory.remove()
  }
}
