/**
 * The server's side of the feed's process: started for the first consumer, ended after the last.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Log } from '../../platform/log.ts'
import type { EndReason, Subscription } from './consumer.ts'

export interface FeedSettings {
  readonly journalDir: string
  readonly storePath: string
  readonly stream: string
  readonly durable: number
  readonly heartbeatMillis: number
  readonly stallMillis: number
}

export type FeedMessage =
  | { readonly kind: 'durable'; readonly seq: number }
  | { readonly kind: 'consumer'; readonly subscription: Subscription }
  | { readonly kind: 'end' }

export type FeedReport =
  | { readonly kind: 'left'; readonly reason: EndReason | 'away'; readonly cursor: string }
  | { readonly kind: 'closed' }
  | { readonly kind: 'fault'; readonly message: string }

const WORKER = fileURLToPath(new URL('./feed-worker.ts', import.meta.url))
/** Of its heap, in MiB: what all consumers together may take is far below. */
const HEAP = 256
const IDLE_MILLIS = 30_000
const END_MILLIS = 6000
/** Told at most so often what is durable. */
const TELL_MILLIS = 20

export class FeedProcess {
  consumers = 0
  private readonly child: ChildProcess
  private readonly log: Log
  private readonly ended: Promise<unknown>
  private telling: NodeJS.Timeout | undefined
  private durable: number
  private idle: NodeJS.Timeout | undefined
  private over = false

  /** `onEnd`: the process is gone. */
  constructor(settings: FeedSettings, log: Log, onEnd: () => void) {
    this.log = log
    this.durable = settings.durable
    this.child = fork(WORKER, [JSON.stringify(settings)], {
      execArgv: [`--max-old-space-size=${HEAP}`],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.ended = once(this.child, 'exit').catch(() => undefined)
    this.child.on('message', (report: FeedReport) => this.heard(report))
    this.child.on('error', (err) => log.error({ err }, 'the feed’s process failed'))
    this.child.on('exit', (code, signal) => {
      if (!this.over) log.error({ code, signal }, 'the feed’s process ended; consumers come again')
      this.over = true
      // Those that it had are gone with it.
      this.consumers = 0
      clearTimeout(this.telling)
      clearTimeout(this.idle)
      onEnd()
    })
  }

  /** No more consumers: it has ended, or is about to. */
  get leaving(): boolean {
    return this.over
  }

  private heard(report: FeedReport): void {
    if (report.kind === 'fault')
      this.log.error({ fault: report.message }, 'a consumer’s feed broke')
    else if (report.kind === 'left') this.log.info(report, 'a consumer of the feed left')
    else {
      this.consumers -= 1
      if (this.consumers === 0) this.idle = setTimeout(() => void this.end(), IDLE_MILLIS).unref()
    }
  }

  /** Hands a connection over, whose request was read and has no answer yet. */
  serve(socket: Socket, subscription: Subscription): void {
    clearTimeout(this.idle)
    this.consumers += 1
    // Or else the API's server would ask the other process about it before it closes, for ever if
    // that one is gone.
    Object.assign(socket, { server: null })
    this.send({ kind: 'consumer', subscription }, socket)
  }

  private send(message: FeedMessage, socket?: Socket): void {
    if (!this.child.connected) {
      socket?.destroy()
      return
    }
    this.child.send(message, socket, {}, (error) => {
      // The connection is the other process's now; what is left here only counts as one.
      socket?.destroy()
      if (error !== null) this.log.warn({ err: error }, 'the feed’s process cannot be told')
    })
  }

  /** More is durable. */
  tell(durable: number): void {
    this.durable = durable
    this.telling ??= setTimeout(() => {
      this.telling = undefined
      this.send({ kind: 'durable', seq: this.durable })
    }, TELL_MILLIS)
  }

  /** Ends all streams with their cursors; resolves when the process is gone. */
  async end(): Promise<void> {
    if (!this.over) {
      this.over = true
      this.send({ kind: 'end' })
      const timer = setTimeout(() => this.child.kill('SIGKILL'), END_MILLIS)
      if (this.consumers === 0) this.child.disconnect()
      await this.ended
      clearTimeout(timer)
    }
    await this.ended
  }
}
