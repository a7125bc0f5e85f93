/**
 * The server: an engine, and the protocols that listen for it. When the stream breaks, everything is
 * dropped and opened again from what is durable; clients ask again and notice a pause.
 */
import { Engine, type EngineOptions } from './commands/engine.ts'
import { type Config, ConfigError, type SettingName } from './platform/config.ts'
import type { Log } from './platform/log.ts'
import { mountPrograms } from './protocols/mount3/program.ts'
import { nfs3Program } from './protocols/nfs3/program.ts'
import { ProgramTable } from './protocols/rpc/dispatcher.ts'
import { RpcServer } from './protocols/rpc/server.ts'

const DRAIN_MILLIS = 10_000
const REOPEN_MILLIS = 500
const REOPEN_MILLIS_MAX = 10_000

export class Server {
  private readonly config: Config
  private readonly log: Log
  private readonly rpc: RpcServer
  private engine: Engine | undefined
  private stopping = false
  private reopening: Promise<void> | undefined

  constructor(config: Config, log: Log) {
    this.config = config
    this.log = log
    this.rpc = new RpcServer({ log, maxConnections: config['max-connections'] })
  }

  /** Resolves when clients are served, to where. */
  async start(): Promise<{ readonly nfs: string }> {
    const { listen } = this.config
    const port = await this.rpc.listen(this.config['nfs-port'], listen)
    await this.open()
    const host = listen.includes(':') ? `[${listen}]` : listen
    return { nfs: `${host}:${port}` }
  }

  private async open(): Promise<void> {
    const engine = await Engine.open(this.engineOptions())
    this.engine = engine
    this.rpc.serve(engine, new ProgramTable([nfs3Program(engine), ...mountPrograms(engine)]))
  }

  private engineOptions(): EngineOptions {
    const { config, log } = this
    const durability = oneOf(config, 'share-durability', ['durable', 'async'])
    const squash = oneOf(config, 'share-squash', ['root', 'none', 'all'])
    return {
      data: config.data,
      log,
      projectionMemory: config['projection-memory'],
      contentMemory: config['content-memory'],
      stagingBudget: config['staging-budget'],
      reserve: config.reserve,
      firstShare: { name: config['share-name'], options: { durability, squash } },
      onFailure: (error) => this.broken(error),
    }
  }

  private broken(error: Error): void {
    if (this.stopping || this.reopening !== undefined) return
    this.log.error({ err: error }, 'the stream is broken; reopening it from what is durable')
    this.reopening = this.reopen().finally(() => {
      this.reopening = undefined
    })
  }

  private async reopen(): Promise<void> {
    this.rpc.interrupt('the stream is reopened')
    await this.engine?.close().catch((err) => this.log.error({ err }, 'closing failed'))
    this.engine = undefined
    for (let wait = REOPEN_MILLIS; !this.stopping; wait = Math.min(2 * wait, REOPEN_MILLIS_MAX)) {
      await new Promise((resolve) => setTimeout(resolve, wait))
      try {
        await this.open()
        this.log.info('serving again')
        return
      } catch (err) {
        this.log.error({ err }, 'cannot open the data directory; trying again')
      }
    }
  }

  /** Answers what is under way, makes everything durable, and closes. */
  async stop(): Promise<void> {
    if (this.stopping) return
    this.stopping = true
    await this.rpc.drain(DRAIN_MILLIS)
    await this.reopening
    await this.engine?.drain()
    await this.engine?.close()
  }
}

function oneOf<const T extends string>(config: Config, name: SettingName, values: readonly T[]): T {
  const found = values.find((value) => value === config[name])
  if (found === undefined) throw new ConfigError(`${name}: one of ${values.join(', ')} expected`)
  return found
}
