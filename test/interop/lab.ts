/** A server and its guests in an enclosure, and how a scenario runs between them. */
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { strikeAt } from './disturbance.ts'
import { Enclosure, serverAddress } from './enclosure.ts'
import { writeFixtures } from './fixtures.ts'
import type { GuestReport } from './markers.ts'
import { type Scenario, timeoutMs } from './scenario.ts'
import type { RunningServer, ServerPlace, ServerUnderTest } from './server-under-test.ts'
import { settings } from './settings.ts'
import { Guest, type Job } from './uml.ts'

const port = 2049
const mostGuests = 2
/** The client waits 3 s after a refused connection before it tries again. */
const reconnectTimeoutMs = 10_000
const tailLines = 20

/** How the server is treated while a scenario runs. */
export interface Disturbance {
  /** When it is killed, as fractions of the duration. */
  readonly moments: readonly number[]
  /** How long the scenario takes undisturbed. */
  readonly durationMs: number
}

export interface ScenarioReport {
  readonly guests: readonly GuestReport[]
  readonly durationMs: number
  readonly kills: number
}

export class Lab {
  readonly #sut: ServerUnderTest
  readonly #place: ServerPlace
  readonly #log: ServerLog
  readonly #guests: Guest[] = []
  #server: RunningServer
  #dying: RunningServer | undefined
  #kills = 0
  #strikes: Promise<void> = Promise.resolve()
  #onDeath: (error: Error) => void = () => {}

  private constructor(
    sut: ServerUnderTest,
    place: ServerPlace,
    log: ServerLog,
    server: RunningServer,
  ) {
    this.#sut = sut
    this.#place = place
    this.#log = log
    this.#server = server
    this.#watch(server)
  }

  /** Opens an enclosure and starts the server in it. Guests boot when a scenario needs them. */
  static async open(sut: ServerUnderTest): Promise<Lab> {
    const enclosure = await Enclosure.open(mostGuests)
    const log = new ServerLog(join(enclosure.directory, 'log/server.log'))
    try {
      writeFixtures(join(enclosure.directory, 'fixtures'))
      const directory = join(enclosure.directory, 'data')
      mkdirSync(directory, { recursive: true })
      const write = (line: string) => log.write(line)
      const place = { enclosure, directory, address: serverAddress, port, log: write }
      return new Lab(sut, place, log, await sut.start(place))
    } catch (error) {
      await enclosure.close()
      throw new Error(`${String(error)}\nthe server's log:\n${log.tail}`)
    }
  }

  /** Runs a scenario in as many guests as it needs, then the server's own check. */
  async run(scenario: Scenario, disturbance?: Disturbance): Promise<ScenarioReport> {
    const report = await this.#runInGuests(scenario, disturbance)
    await this.#sut.afterScenario?.(this.#server, this.#place)
    return report
  }

  /** The last that guests and server printed, to explain a failure. */
  get tail(): string {
    const consoles = this.#guests.map((guest) => `guest ${guest.number}'s console:\n${guest.tail}`)
    return [...consoles, `the server's log:\n${this.#log.tail}`].join('\n\n')
  }

  /** Asks the server to drain and end; resolves with its exit code. */
  async stopServer(): Promise<number | null> {
    this.#onDeath = () => {}
    return this.#server.process.terminate()
  }

  /** Ends guests and server and leaves nothing behind. */
  async close(): Promise<void> {
    this.#onDeath = () => {}
    await this.#place.enclosure.close()
  }

  async #runInGuests(scenario: Scenario, disturbance?: Disturbance): Promise<ScenarioReport> {
    const guests = await this.#guestsFor(scenario)
    if (!this.#server.process.running) throw new Error('the server ended after the last scenario')
    const over = new AbortController()
    const trouble = Promise.withResolvers<never>()
    const started = guests.map(() => Promise.withResolvers<void>())
    this.#kills = 0
    this.#onDeath = trouble.reject
    let start = 0
    const strike = () => this.#strikeAndLetRecover(over.signal)
    const strikes = Promise.all(started.map((each) => each.promise)).then(async () => {
      start = performance.now()
      if (!disturbance) return
      await strikeAt(disturbance.moments, disturbance.durationMs, strike, over.signal)
    })
    strikes.catch(trouble.reject)
    const runs = guests.map((guest, i) => {
      guest.onKill = (id) => {
        this.#strike().then(() => guest.answerKill(id), trouble.reject)
      }
      const job = this.#job(scenario, disturbance !== undefined)
      return guest.run(job, timeoutMs, started[i]!.resolve)
    })
    try {
      const reports = await Promise.race([Promise.all(runs), trouble.promise])
      const durationMs = Math.round(performance.now() - start)
      await this.#strikes
      return { guests: reports, durationMs, kills: this.#kills }
    } finally {
      over.abort()
    }
  }

  async #guestsFor(scenario: Scenario): Promise<readonly Guest[]> {
    while (this.#guests.length < scenario.guests) {
      this.#guests.push(await Guest.boot(this.#guests.length + 1, this.#place.enclosure))
    }
    return this.#guests.slice(0, scenario.guests)
  }

  #job(scenario: Scenario, disturbed: boolean): Job {
    return {
      SCENARIO: scenario.name,
      DISTURBED: disturbed ? 'yes' : 'no',
      GUESTS: scenario.guests,
      SERVER: this.#place.address,
      PORT: this.#place.port,
      MOUNT_PORT: this.#server.mountPort,
      EXPORT: this.#server.exportPath,
      MOUNT_OPTIONS: this.#server.mountOptions ?? '',
      PERCENT: Math.round(settings.scale * 100),
      SEED: settings.seed,
    }
  }

  /** A client that has something to do is connected again when this resolves. */
  async #strikeAndLetRecover(over: AbortSignal): Promise<void> {
    const { enclosure } = this.#place
    const connected = enclosure.connections(port)
    await this.#strike()
    const deadline = performance.now() + reconnectTimeoutMs
    while (enclosure.connections(port) < connected && performance.now() < deadline) {
      if (over.aborted) return
      await delay(20)
    }
  }

  /** One after the other: a guest may ask for a kill while the clock strikes. */
  #strike(): Promise<void> {
    this.#strikes = this.#strikes.then(() => this.#killAndRestart())
    return this.#strikes
  }

  async #killAndRestart(): Promise<void> {
    this.#kills += 1
    this.#log.write('-- killed with SIGKILL')
    this.#dying = this.#server
    await this.#server.process.kill()
    this.#server = await this.#sut.start(this.#place)
    this.#watch(this.#server)
  }

  #watch(server: RunningServer): void {
    void server.process.exit.then((code) => {
      if (server !== this.#dying) {
        this.#onDeath(new Error(`the server ended by itself (exit code ${code})`))
      }
    })
  }
}

/** Everything the server prints, in a file, and its last lines at hand. */
class ServerLog {
  readonly #stream: WriteStream
  readonly #lines: string[] = []

  constructor(file: string) {
    this.#stream = createWriteStream(file)
    this.#stream.on('error', () => {}) // the directory may go first when a run is torn down
  }

  get tail(): string {
    return this.#lines.join('\n')
  }

  write(line: string): void {
    this.#stream.write(`${new Date().toISOString().slice(11, 23)} ${line}\n`)
    if (settings.verbose) console.error(`server | ${line}`)
    this.#lines.push(line)
    if (this.#lines.length > tailLines) this.#lines.shift()
  }
}
