/** A server of its own process, and dfsctl and HTTP requests against it. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { after } from 'node:test'
import { temporaryDirectory } from '../temporary.ts'

const bin = resolve(import.meta.dirname, '../../bin')

/** Ours must not depend on whose shell it is. */
function environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const inherited = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name.startsWith('DITTOFS_') ? [] : [[name, value] as const],
  )
  return { ...Object.fromEntries(inherited), ...extra }
}

export interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export function runProgram(
  program: 'dfs' | 'dfsctl',
  args: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((done) => {
    const file = join(bin, `${program}.cjs`)
    const options = { env: environment(extra) }
    execFile(process.execPath, [file, ...args], options, (error, stdout, stderr) => {
      done({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
    })
  })
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

type Child = ChildProcessByStdio<null, Readable, Readable>

export class RunningServer {
  readonly data: string
  readonly nfsPort: number
  readonly api: string
  readonly token: string
  private readonly child: Child

  private constructor(data: string, child: Child, ready: { nfs: string; api: string }) {
    this.data = data
    this.child = child
    this.nfsPort = Number(ready.nfs.split(':').at(-1))
    this.api = ready.api
    this.token = readFileSync(join(data, 'token'), 'utf8').trim()
  }

  static async start(data: string, ...more: readonly string[]): Promise<RunningServer> {
    const args = ['start', '--data', data, '--nfs-port', '0', '--api-port', '0', ...more]
    const child = spawn(process.execPath, [join(bin, 'dfs.cjs'), ...args], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said: string[] = []
    createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith('ready ')) {
        return new RunningServer(data, child, JSON.parse(line.slice('ready '.length)))
      }
    }
    throw new Error(`the server did not start:\n${said.join('\n')}`)
  }

  get pid(): number {
    return this.child.pid as number
  }

  /** As a power cut of the process alone. */
  async kill(): Promise<void> {
    await this.end('SIGKILL')
  }

  /** Resolves to its exit status. */
  async stop(): Promise<number | null> {
    return this.end('SIGTERM')
  }

  private async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit')
      this.child.kill(signal)
      await exited
    }
    return this.child.exitCode
  }

  dfsctl(...args: readonly string[]): Promise<Ended> {
    return runProgram('dfsctl', ['--api', this.api, '--data', this.data, ...args])
  }

  /** What dfsctl prints with --json. Throws when it fails. */
  async dfsctlJson(...args: readonly string[]): Promise<Record<string, unknown>> {
    const { status, stdout, stderr } = await this.dfsctl(...args, '--json')
    if (status !== 0) throw new Error(`dfsctl ${args.join(' ')}: ${stderr}`)
    return JSON.parse(stdout)
  }

  /** A request with the token. A body that is no string goes as JSON. */
  async ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.token}` }
    if (body !== undefined) headers['content-type'] = 'application/json'
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return this.send(path, { method, headers, ...(text !== undefined && { body: text }) })
  }

  async send(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(`http://${this.api}${path}`, init)
    const text = await response.text()
    const json = /json/.test(response.headers.get('content-type') ?? '')
    const body = json ? JSON.parse(text) : { text }
    return { status: response.status, headers: response.headers, body }
  }

  async metrics(): Promise<string> {
    return String((await this.send('/metrics')).body['text'])
  }
}

/** A server on a new data directory, while the tests of this file run. */
export async function serveApi(): Promise<RunningServer> {
  const { path, remove } = temporaryDirectory('control')
  const server = await RunningServer.start(path)
  after(async () => {
    await server.stop()
    remove()
  })
  return server
}

export const sharePath = (name: string): string => `/v1/shares/${encodeURIComponent(name)}`
