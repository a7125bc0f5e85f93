/**
 * The server: an engine, and what listens for it. When the stream breaks, everything is dropped and
 * opened again from what is durable; clients ask again and notice a pause.
 */
import { dataPaths } from './commands/data-directory.ts'
import { DataPresence } from './commands/data-presence.ts'
import { Engine, type EngineOptions } from './commands/engine.ts'
import { ControlApi } from './control/api-server.ts'
import type { ClientConnections, Running, Serving } from './control/running.ts'
import { isExposed, loadToken } from './control/token.ts'
import { unlessAborted } from './control/unless-aborted.ts'
import type { Config } from './platform/config.ts'
import type { Log } from './platform/log.ts'
import { CallTally } from './platform/metrics.ts'
import { Portmapper } from './portmapper.ts'
import { mountPrograms } from './protocols/mount3/program.ts'
import { nfs3Program } from './protocols/nfs3/program.ts'
import { ProgramTable } from './protocols/rpc/dispatcher.ts'
import { RpcServer } from './protocols/rpc/server.ts'

const DRAIN_MILLIS = 10_000
/** How often it is looked whether the data directory is still there. */
const LOOK_MILLIS = 1000
/** How long threads have to close what is gone. */
const CLOSE_MILLIS = 5000
const REOPEN_MILLIS = 500
const REOPEN_MILLIS_MAX = 10_000

/** Where it is served: `ADDR:PORT` each. */
export interface Addresses {
  readonly nfs: string
  readonly api: string
  readonly portmap?: string
}

export class Server implements Running {
  readonly startedAt = Date.now()
  readonly calls = new CallTally()
  reopened = 0
  phase: Running['phase'] = 'starting'
  private readonly config: Config
  private readonly log: Log
  private readonly rpc: RpcServer
  private readonly portmapper: Portmapper | undefined
  private nfsPort = 0
  private api: ControlApi | undefined
  private current: Serving | undefined
  private reopening: Promise<void> | undefined
  private presence: DataPresence | undefined
  private stopped: Promise<void> | undefined
  private readonly onGone: (error: Error, closed: boolean) => void

  /**
   * `onGone`: the data directory was taken away. Nothing is of use any more, not even draining.
   * `closed`: no thread works on it either.
   */
  constructor(config: Config, log: Log, onGone: (error: Error, closed: boolean) => void) {
    this.onGone = onGone
    this.config = config
    this.log = log
    this.rpc = new RpcServer({ log, maxConnections: config['max-connections'] })
    if (config.portmap) this.portmapper = new Portmapper(config, log)
  }

  /** Resolves when clients and administrators are served, to where. */
  async start(): Promise<Addresses> {
    const { config, log } = this
    const { listen } = config
    const { token: tokenFile } = dataPaths(config.data)
    const token = loadToken(tokenFile)
    if (isExposed(tokenFile)) {
      log.warn({ file: tokenFile }, 'everybody on this machine can read the token: chmod 600')
    }
    // What is listened on may be a name too.
    const hosts = [...config['api-hosts'], listen]
    this.api = await ControlApi.create({ running: this, log, token, hosts })
    // First, so that it says how a long start is getting on.
    const apiPort = await this.api.listen(config['api-port'], listen)
    this.nfsPort = await this.rpc.listen(config['nfs-port'], listen)
    const portmap = await this.portmapper?.listen(config['portmap-port'], listen)
    await this.open()
    this.presence = new DataPresence(config.data)
    setInterval(() => this.look(), LOOK_MILLIS).unref()
    const host = listen.includes(':') ? `[${listen}]` : listen
    const addresses = { nfs: `${host}:${this.nfsPort}`, api: `${host}:${apiPort}` }
    return portmap === undefined ? addresses : { ...addresses, portmap: `${host}:${portmap}` }
  }

  /** Whether the data directory is still there; otherwise all is over. */
  private look(): boolean {
    try {
      this.presence?.check()
      return true
    } catch (error) {
      if (this.phase !== 'stopping') void this.giveUp(error as Error)
      return false
    }
  }

  private async giveUp(error: Error): Promise<void> {
    this.phase = 'stopping'
    const closing = Promise.allSettled([this.reopening, this.current?.engine.close()])
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, CLOSE_MILLIS, undefined))
    this.onGone(error, (await Promise.race([closing, late])) !== undefined)
  }

  serving(): Serving | undefined {
    return this.current
  }

  connections(): ClientConnections {
    return this.rpc.counts
  }

  connectionsByAddress(): ReadonlyMap<string, number> {
    return this.rpc.connectionsByAddress()
  }

  /** What is found damaged and can be made anew is noted, and made anew when it is opened again. */
  private async open(): Promise<void> {
    try {
      await this.openOnce()
    } catch (error) {
      if ((error as Error).name !== 'StoreDamageError') throw error
      this.log.warn({ err: error }, 'opening again what is damaged')
      await this.openOnce()
    }
  }

  private async openOnce(): Promise<void> {
    const lost = new AbortController()
    const onFailure = (error: Error): void => {
      lost.abort(error)
      this.broken(lost.signal, error)
    }
    const engine = await Engine.open(this.engineOptions(onFailure))
    if (lost.signal.aborted) {
      await engine.close()
      throw lost.signal.reason
    }
    this.current = { engine, lost: lost.signal }
    if (this.phase !== 'stopping') this.phase = 'serving'
    const programs = [nfs3Program(engine), ...mountPrograms(engine)]
    this.rpc.serve(engine, new ProgramTable(programs, this.calls))
    this.portmapper?.serve(engine, programs, this.nfsPort, this.calls)
  }

  private engineOptions(onFailure: EngineOptions['onFailure']): EngineOptions {
    const { config, log } = this
    const durability = config['share-durability']
    const squash = config['share-squash']
    return {
      data: config.data,
      log,
      projectionMemory: config['projection-memory'],
      contentMemory: config['content-memory'],
      stagingBudget: config['staging-budget'],
      reserve: config.reserve,
      firstShare: { name: config['share-name'], options: { durability, squash } },
      onFailure,
    }
  }

  /** Of an engine that is being opened, whoever opens it hears by itself. */
  private broken(lost: AbortSignal, error: Error): void {
    const { current } = this
    if (current?.lost !== lost || this.phase === 'stopping') return
    this.log.error({ err: error }, 'the stream is broken; reopening it from what is durable')
    this.current = undefined
    this.phase = 'reopening'
    this.reopening = this.reopen(current.engine)
  }

  private async reopen(engine: Engine): Promise<void> {
    this.rpc.interrupt('the stream is reopened')
    this.portmapper?.interrupt('the stream is reopened')
    await engine.close().catch((err) => this.log.error({ err }, 'closing failed'))
    let wait = REOPEN_MILLIS
    while (this.phase === 'reopening') {
      await new Promise((resolve) => setTimeout(resolve, wait))
      // An empty one would be made in its place.
      if (!this.look()) return
      try {
        await this.open()
        this.reopened += 1
        this.log.info('serving again')
      } catch (err) {
        this.log.error({ err }, 'cannot open the data directory; trying again')
      }
      wait = Math.min(2 * wait, REOPEN_MILLIS_MAX)
    }
  }

  /**
   * Answers what is under way, makes everything durable, and closes. Whoever asks again meanwhile
   * waits for the same.
   */
  stop(): Promise<void> {
    this.stopped ??= this.stopOnce()
    return this.stopped
  }

  private async stopOnce(): Promise<void> {
    const { phase } = this
    this.phase = 'stopping'
    // The data directory is gone: that is being seen to.
    if (phase === 'stopping') return this.presence?.check()
    const outcomes = [await settled(this.drain()), await settled(this.close())]
    // Of all that goes wrong then this is the reason.
    this.presence?.check()
    for (const { reason } of outcomes) if (reason !== undefined) throw reason
  }

  private async drain(): Promise<void> {
    this.presence?.check()
    const draining = [this.rpc, this.portmapper, this.api].map((one) => one?.drain(DRAIN_MILLIS))
    await Promise.all(draining)
    await this.reopening
    const { current } = this
    if (current === undefined) return
    const drained = unlessAborted(current.engine.drain(), current.lost)
    await Promise.race([drained, noRoomFor(current.engine, DRAIN_MILLIS)])
  }

  private async close(): Promise<void> {
    await this.reopening
    await this.current?.engine.close()
  }
}

const settled = (work: Promise<void>): Promise<{ readonly reason?: unknown }> =>
  work.then(
    () => ({}),
    (reason: unknown) => ({ reason }),
  )

/**
 * Rejects when the disk takes nothing for so long: what has not become durable was not promised.
 */
function noRoomFor(engine: Engine, millis: number): Promise<never> {
  return new Promise((_, reject) => {
    const look = (): void => {
      if (engine.space.exhausted()) reject(new Error('the disk is full'))
      else setTimeout(look, millis).unref()
    }
    setTimeout(look, millis).unref()
  })
}
