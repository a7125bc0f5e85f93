/**
 * The embedded port mapper: for clients that ask where NFS and MOUNT are, on machines without an
 * rpcbind of their own. Over TCP and UDP.
 */
import type { Engine } from './commands/engine.ts'
import type { Config } from './platform/config.ts'
import type { Log } from './platform/log.ts'
import type { CallMeter } from './platform/metrics.ts'
import { portmapPrograms } from './protocols/portmap/program.ts'
import { DatagramServer } from './protocols/rpc/datagram-server.ts'
import { ProgramTable } from './protocols/rpc/dispatcher.ts'
import type { Program } from './protocols/rpc/program.ts'
import { RpcServer } from './protocols/rpc/server.ts'

export class Portmapper {
  private readonly tcp: RpcServer
  private readonly udp: DatagramServer
  private port = 0

  constructor(config: Config, log: Log) {
    this.tcp = new RpcServer({ log, maxConnections: config['max-connections'] })
    this.udp = new DatagramServer(config.listen, log)
  }

  /** Resolves to the port, the same for TCP and UDP. */
  async listen(port: number, host: string): Promise<number> {
    try {
      this.port = await this.tcp.listen(port, host)
      await this.udp.listen(this.port, host)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const advice =
        code === 'EADDRINUSE'
          ? 'stop the rpcbind that has it, or start without --portmap'
          : 'ports below 1024 want root or CAP_NET_BIND_SERVICE; or choose another --portmap-port'
      throw new Error(`cannot listen as portmapper on ${host}:${port} (${code}): ${advice}`)
    }
    return this.port
  }

  /** `programs` are served over TCP at `port`. */
  serve(engine: Engine, programs: readonly Program[], port: number, calls: CallMeter): void {
    const services = programs.map(({ number, version }) => ({
      program: number,
      version,
      transport: 'tcp' as const,
      port,
    }))
    const table = new ProgramTable(portmapPrograms(this.port, services), calls)
    this.tcp.serve(engine, table)
    this.udp.serve(table)
  }

  interrupt(reason: string): void {
    this.tcp.interrupt(reason)
  }

  async drain(millis: number): Promise<void> {
    this.udp.close()
    await this.tcp.drain(millis)
  }
}
