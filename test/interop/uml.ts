/**
 * Guests: User Mode Linux kernels whose root is the host's own file system, read-only, so that the
 * host's programs run inside over the kernel's own NFS client. A guest boots once and then runs
 * one scenario after the other.
 */
import { createWriteStream, renameSync, type WriteStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { EnclosedProcess, Enclosure } from './enclosure.ts'
import { GuestReport, type Marker, parseMarker } from './markers.ts'
import { settings } from './settings.ts'

/** What `guest/run-scenario.sh` finds in its environment. */
export type Job = Readonly<Record<string, string | number>>

const memory = '512M'
const bootTimeoutMs = 60_000
const tailLines = 40

export class Guest {
  readonly number: number
  /** Called when the guest asks for the server's death; answered with `answerKill`. */
  onKill: (id: string) => void = () => {}
  readonly #relay: string
  readonly #process: EnclosedProcess
  readonly #log: WriteStream
  readonly #tail: string[] = []
  #job = 0
  #listener: (marker: Marker) => void = () => {}

  private constructor(number: number, enclosure: Enclosure) {
    const { directory } = enclosure
    this.number = number
    this.#relay = join(directory, 'relay')
    this.#log = createWriteStream(join(directory, 'log', `guest${number}.log`))
    this.#log.on('error', () => {}) // the directory may go first when a run is torn down
    this.#process = enclosure.spawn('linux.uml', [
      'rootfstype=hostfs',
      'rootflags=/',
      'ro',
      `mem=${memory}`,
      `init=${join(directory, 'guest/init.sh')}`,
      // Without gro=1 packets from host to guest get lost and everything hangs.
      `vec0:transport=tap,ifname=tap${number},depth=128,gro=1`,
      'con=null',
      'con0=null,fd:1',
      `uml_dir=${join(directory, 'uml')}`,
      `umid=guest${number}`,
      'quiet',
      `GUEST=${number}`,
      `ENCLOSURE=${directory}`,
    ])
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#hear(line))
    createInterface({ input: this.#process.stderr }).on('line', (line) => this.#hear(line))
  }

  /** Boots guest 1 or 2 on its tap and resolves when it waits for work. */
  static async boot(number: number, enclosure: Enclosure): Promise<Guest> {
    const guest = new Guest(number, enclosure)
    await guest.#until('booted', bootTimeoutMs, () => {})
    return guest
  }

  /** The last lines of the console, to explain a failure. */
  get tail(): string {
    return this.#tail.join('\n')
  }

  /** Runs one scenario and resolves with its report, or rejects when it takes too long. */
  async run(job: Job, timeoutMs: number, onStart: () => void): Promise<GuestReport> {
    const report = new GuestReport()
    const file = join(this.#relay, `job-${this.number}-${++this.#job}`)
    const lines = Object.entries(job).map(([key, value]) => `${key}='${value}'\n`)
    const done = this.#until('done', timeoutMs, (marker) => {
      report.add(marker)
      if (marker.kind === 'started') onStart()
    })
    writeFileSync(`${file}.new`, lines.join(''))
    renameSync(`${file}.new`, file)
    await done
    return report
  }

  /** Lets a guest go on that has asked for the server's death. */
  answerKill(id: string): void {
    writeFileSync(join(this.#relay, `killed-${id}`), '')
  }

  async #until(kind: Marker['kind'], timeoutMs: number, each: (m: Marker) => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<'seen'>()
    this.#listener = (marker) => {
      each(marker)
      if (marker.kind === kind) resolve('seen')
    }
    const giveUp = new AbortController()
    const late = delay(timeoutMs, 'late' as const, { signal: giveUp.signal }).catch(() => 'seen')
    const outcome = await Promise.race([promise, late, this.#process.exit])
    giveUp.abort()
    this.#listener = () => {}
    if (outcome === 'seen') return
    const what = outcome === 'late' ? `not ${kind} after ${timeoutMs / 1000} s` : 'ended'
    throw new Error(`guest ${this.number} ${what}`)
  }

  #hear(raw: string): void {
    const line = raw.trimEnd()
    this.#log.write(`${new Date().toISOString().slice(11, 23)} ${line}\n`)
    if (settings.verbose) console.error(`guest ${this.number} | ${line}`)
    this.#tail.push(line)
    if (this.#tail.length > tailLines) this.#tail.shift()
    const marker = parseMarker(line)
    if (marker?.kind === 'kill') this.onKill(marker.id)
    else if (marker) this.#listener(marker)
  }
}
