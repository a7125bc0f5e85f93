/**
 * A private corner of the machine in which server and guests run: own network, process and mount
 * namespaces and one directory. Nothing in it has a name outside, so runs cannot collide, and all
 * of it ends with the pipe to its first process, however this process ends.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { settings } from './settings.ts'

/** Where the server listens. Every guest routes to it through its own tap. */
export const serverAddress = '10.77.0.1'

const here = import.meta.dirname

type CommandLine = [program: string, ...args: string[]]

/** The command line that starts a program in namespaces of its own, which end with it. */
export function inNewNamespaces(...command: string[]): CommandLine {
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  return ['unshare', ...namespaces, ...command]
}

export class Enclosure {
  /** Gone when the enclosure is closed. Guests see it read-only, `relay/` in it read-write. */
  readonly directory: string
  readonly #holder: ChildProcess
  /** A test runner that is killed leaves its test files running: nobody would see their outcome. */
  readonly #orphanWatch: NodeJS.Timeout

  private constructor(directory: string, holder: ChildProcess) {
    this.directory = directory
    this.#holder = holder
    const parent = process.ppid
    this.#orphanWatch = setInterval(() => process.ppid === parent || process.exit(1), 1000).unref()
  }

  /** Opens an enclosure with one tap device (`tap1`, `tap2`, …) per guest. */
  static async open(guests: number): Promise<Enclosure> {
    const directory = mkdtempSync(join(tmpdir(), 'dfs-interop-'))
    for (const name of ['relay', 'fixtures', 'data', 'log']) mkdirSync(join(directory, name))
    for (const name of ['guest', 'scenarios']) {
      cpSync(join(here, name), join(directory, name), { recursive: true })
    }
    chmodSync(join(directory, 'guest/init.sh'), 0o755)
    const script = [join(here, 'enclosure.sh'), directory, serverAddress, String(guests)]
    const [program, ...args] = inNewNamespaces('sh', ...script)
    const holder = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    const enclosure = new Enclosure(directory, holder)
    try {
      await lineMatching(holder.stdout, /^ready$/, 10_000)
    } catch (error) {
      const complaint = String(holder.stderr?.read() ?? '').trim()
      await enclosure.close()
      throw new Error(`cannot set up namespaces and taps: ${complaint || String(error)}`)
    }
    holder.stdout?.destroy()
    holder.stderr?.destroy()
    return enclosure
  }

  /** Starts a program inside, leading a process group of its own. */
  spawn(command: string, args: readonly string[], cwd = '/'): EnclosedProcess {
    const [program, ...given] = this.#entering([command, ...args], cwd)
    const child = spawn(program, given, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    return new EnclosedProcess(child)
  }

  /** Runs a program inside to its end and returns what it printed. */
  run(command: string, args: readonly string[], timeoutMs = 60_000): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const options = { timeout: timeoutMs, maxBuffer: 1 << 26 }
    const [program, ...given] = this.#entering([command, ...args], '/')
    execFile(program, given, options, (error, out, err) =>
      error ? reject(new Error(`${command}: ${error.message}\n${err}`)) : resolve(out),
    )
    return promise
  }

  /** How many clients are connected to a port of the server. */
  connections(port: number): number {
    return this.#sockets(port, '01')
  }

  /** Whether a server listens on a port. */
  listening(port: number): boolean {
    return this.#sockets(port, '0A') > 0
  }

  /** Ends everything inside and removes the directory. */
  async close(): Promise<void> {
    if (settings.logs) {
      const kept = join(settings.logs, basename(this.directory))
      cpSync(join(this.directory, 'log'), kept, { recursive: true })
    }
    clearInterval(this.#orphanWatch)
    this.#holder.stdin?.end()
    if (!exited(this.#holder)) {
      const patience = AbortSignal.timeout(10_000)
      await once(this.#holder, 'exit', { signal: patience }).catch(() => {
        this.#holder.kill('SIGKILL')
      })
    }
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  #sockets(port: number, state: string): number {
    const local = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')}$`)
    return ['tcp', 'tcp6']
      .map((name) => `/proc/${this.#holder.pid}/net/${name}`)
      .filter((table) => existsSync(table))
      .flatMap((table) => readFileSync(table, 'utf8').split('\n'))
      .map((line) => line.trim().split(/\s+/))
      .filter(([, at = '', , is]) => is === state && local.test(at)).length
  }

  #entering(command: readonly string[], cwd: string): CommandLine {
    const ns = `/proc/${this.#holder.pid}/ns`
    const doors = [`--net=${ns}/net`, `--mount=${ns}/mnt`, `--pid=${ns}/pid_for_children`]
    return ['nsenter', ...doors, 'env', `--chdir=${cwd}`, ...command]
  }
}

/** A program running inside an enclosure. */
export class EnclosedProcess {
  /** Resolves with the exit code, or with null when a signal ended it. */
  readonly exit: Promise<number | null>
  readonly #child: ChildProcess

  constructor(child: ChildProcess) {
    this.#child = child
    const { promise, resolve } = Promise.withResolvers<number | null>()
    child.once('exit', (code) => resolve(code))
    child.once('error', () => resolve(null))
    this.exit = promise
  }

  get stdout(): Readable {
    return this.#child.stdout!
  }

  get stderr(): Readable {
    return this.#child.stderr!
  }

  get running(): boolean {
    return !exited(this.#child)
  }

  /** kill -9, of the program and whatever it started. */
  async kill(): Promise<void> {
    const { pid } = this.#child
    if (pid === undefined) return
    // The leader goes at once, what it started a moment later, with its sockets and locks.
    while (signalGroup(pid)) await delay(5)
    await this.exit
  }

  /** Asks the program itself, not its group, to end, and returns its exit code. */
  async terminate(timeoutMs = 30_000): Promise<number | null> {
    for (const pid of childrenOf(this.#child.pid)) process.kill(pid, 'SIGTERM')
    const late = delay(timeoutMs, 'late' as const, { ref: false })
    if ((await Promise.race([this.exit, late])) === 'late') {
      await this.kill()
      throw new Error(`did not end within ${timeoutMs / 1000} s of SIGTERM`)
    }
    return this.exit
  }
}

/** Resolves with the first line of a stream that matches, and keeps the stream flowing. */
export async function lineMatching(
  stream: Readable | null,
  pattern: RegExp,
  timeoutMs: number,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const lines = createInterface({ input: stream! })
  lines.on('line', (line) => pattern.test(line) && resolve(line))
  lines.once('close', () => reject(new Error(`ended before it printed ${pattern}`)))
  const timer = setTimeout(
    () => reject(new Error(`did not print ${pattern} within ${timeoutMs / 1000} s`)),
    timeoutMs,
  )
  return promise.finally(() => clearTimeout(timer))
}

function signalGroup(leader: number): boolean {
  try {
    return process.kill(-leader, 'SIGKILL')
  } catch {
    return false
  }
}

function exited(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

/** nsenter stays outside the process namespace and has the program as its only child. */
function childrenOf(parent: number | undefined): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent
      } catch {
        return false // ended meanwhile
      }
    })
    .map(Number)
}
