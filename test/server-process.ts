/**
 * DittoFS in a process of its own, as `dfs start` runs it: to be stopped, killed and started again.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Addresses } from '../src/server.ts'

const program = resolve(import.meta.dirname, '../bin/dfs.cjs')

export interface ServerOptions {
  readonly data: string
  /** Settings by the name of their flag: `{ 'share-squash': 'none' }`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Where clients found an earlier process; left out, a free port. */
  readonly nfsPort?: number
  /** More for its environment, as it is. */
  readonly environment?: Readonly<Record<string, string>>
  /** Milliseconds after which it is killed, whether it serves by then or not. */
  readonly killAfter?: number
  /** Receives each line of the log; the last ones are kept either way. */
  readonly onLog?: (line: string) => void
}

const LOG_LINES_KEPT = 2000
const ERROR_LEVEL = 50
/** What Node prints about interfaces that will go some day, and what a fault point says. */
const expected = /Deprecat|--trace-(warnings|deprecation)|^fault /

/** A server that ended before it served anybody. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly log: readonly string[]
  /** Its exit status; null when a signal ended it. */
  readonly code: number | null

  constructor(code: number | null, log: readonly string[]) {
    super(`the server ended with ${code} before it was ready:\n${log.join('\n')}`)
    this.log = log
    this.code = code
  }
}

/** Lines of a log that say that something is wrong. */
export function errorsAmong(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => {
    try {
      return JSON.parse(line).level >= ERROR_LEVEL
    } catch {
      return !expected.test(line)
    }
  })
}

/** Servers that must not outlive this process, whatever happens to it. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class ServerProcess {
  readonly port: number
  /** Where it answers as port mapper, if it does. */
  readonly portmapPort: number | undefined
  readonly pid: number
  readonly api: string
  readonly token: string
  private readonly child: ChildProcess
  private readonly log: string[]
  /** Settles when it has ended, however: to its exit status, or to null. */
  readonly exited: Promise<number | null>

  private constructor(child: ChildProcess, addresses: Addresses, data: string, log: string[]) {
    this.child = child
    this.pid = child.pid as number
    this.port = portOf(addresses.nfs)
    this.portmapPort = addresses.portmap === undefined ? undefined : portOf(addresses.portmap)
    this.api = addresses.api
    this.token = readFileSync(join(data, 'token'), 'utf8').trim()
    this.log = log
    this.exited = exitOf(child)
  }

  /** Resolves when clients are served. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const { data, settings = {}, nfsPort = 0, environment = {}, killAfter, onLog } = options
    const args = ['start', '--data', data, '--nfs-port', `${nfsPort}`, '--api-port', '0']
    const child = spawn(process.execPath, [program, ...args], {
      env: {
        ...ownEnvironment(),
        ...environmentOf({ 'log-level': 'warn', ...settings }),
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    if (killAfter !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfter).unref()
    const log: string[] = []
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line)
      if (log.length > LOG_LINES_KEPT) log.shift()
      onLog?.(line)
    })
    const ready = Promise.withResolvers<string>()
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('ready ')) ready.resolve(line.slice('ready '.length))
    })
    const failed = exitOf(child).then((code) => {
      throw new StartError(code, log)
    })
    const addresses: Addresses = JSON.parse(await Promise.race([ready.promise, failed]))
    failed.catch(() => undefined)
    return new ServerProcess(child, addresses, data, log)
  }

  /** What it has logged as an error: it never should, whatever clients do. */
  get errors(): readonly string[] {
    return errorsAmong(this.log)
  }

  /** What it said on stderr, the last of it. */
  get lines(): readonly string[] {
    return this.log
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** As a power cut ends it, but for what the operating system has already taken. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
  }

  /** As an administrator ends it: resolves to its exit status. */
  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM')
    return await this.exited
  }

  /** Asks the REST API, as an administrator; rejects when it refuses. */
  async administer(
    method: 'DELETE' | 'PATCH' | 'POST' | 'PUT',
    path: string,
    body?: unknown,
  ): Promise<void> {
    await this.ask(method, path, body)
  }

  /** The same with what it answers. */
  async ask(method: string, path: string, body?: unknown): Promise<string> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.token}` }
    if (body !== undefined) headers['content-type'] = 'application/json'
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const response = await fetch(`http://${this.api}${path}`, init)
    const answer = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`)
    return answer
  }

  /** What it tells Prometheus: by name, with labels as `name{label="value"}`. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await (await fetch(`http://${this.api}/metrics`)).text()
    const samples = text.matchAll(/^([a-z_0-9]+(?:\{.*\})?) (\S+)$/gm)
    return new Map([...samples].map(([, name = '', value]) => [name, Number(value)]))
  }

  /** Bytes of memory that it holds now. */
  residentMemory(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
    if (kibibytes === undefined) throw new Error('the kernel does not say how much memory it has')
    return Number(kibibytes) * 1024
  }
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1))

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const [code] = await once(child, 'exit')
  return code as number | null
}

/** The environment of this process without what could configure a server by accident. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith('DITTOFS_'))
  return Object.fromEntries(entries)
}

function environmentOf(settings: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      `DITTOFS_${name.toUpperCase().replaceAll('-', '_')}`,
      value,
    ]),
  )
}

/** Runs `dfs` with these arguments and resolves to what it printed; rejects when it failed. */
export function runDfs(...args: readonly string[]): Promise<string> {
  return new Promise((resolveOutput, reject) => {
    const options = { env: ownEnvironment(), maxBuffer: 1 << 28 }
    execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) => {
      if (error === null) resolveOutput(stdout)
      else reject(new Error(`dfs ${args.join(' ')}: ${error.message}\n${stderr}`))
    })
  })
}

export interface OfflineCheck {
  readonly digest: string
  /** Of projections that were made anew from the journal. */
  readonly rebuilt: string
  /** The last record. */
  readonly seq: number
}

/** What a data directory holds that no server is using; rejects when its journal is not whole. */
export async function checkOffline(data: string): Promise<OfflineCheck> {
  await runDfs('journal', 'verify', '--data', data)
  const { digest, seq } = JSON.parse(await runDfs('digest', '--data', data, '--json'))
  const { digest: rebuilt } = JSON.parse(await runDfs('rebuild', '--data', data, '--json'))
  return { digest, rebuilt, seq }
}

/** A data directory's name below `directory`, for `ServerOptions`. */
export const dataBelow = (directory: string): string => join(directory, 'data')
