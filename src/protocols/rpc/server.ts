/** Listens for RPC over TCP and keeps its connections, as many as there may be. */
import { createServer, type Server, type Socket } from 'node:net'
import type { Engine } from '../../commands/engine.ts'
import { operations } from '../../journal/command-names.ts'
import type { Log } from '../../platform/log.ts'
import type { Permit } from '../exports.ts'
import { plainAddress } from './address.ts'
import { Connection } from './connection.ts'
import { Dispatcher, type ProgramTable } from './dispatcher.ts'
import type { Caller } from './program.ts'

export interface RpcServerOptions {
  readonly log: Log
  readonly maxConnections: number
}

interface Serving {
  readonly engine: Engine
  readonly table: ProgramTable
}

const DRAIN_TICK = 10

export class RpcServer {
  private readonly options: RpcServerOptions
  private readonly server: Server
  private readonly connections = new Map<Connection, Caller>()
  /** Accepted while nothing is served, and not read; the oldest first. */
  private readonly waiting = new Set<Socket>()
  private serving: Serving | undefined
  /** Connections that were closed because a peer broke the rules, and that were one too many. */
  private abused = 0
  private rejected = 0

  constructor(options: RpcServerOptions) {
    this.options = options
    this.server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) =>
      this.accept(socket),
    )
  }

  get counts(): {
    readonly connections: number
    readonly waiting: number
    readonly underWay: number
    readonly abused: number
    readonly rejected: number
  } {
    const { abused, rejected } = this
    const waiting = this.waiting.size
    let underWay = 0
    for (const connection of this.connections.keys()) underWay += connection.underWay
    return { connections: this.connections.size, waiting, underWay, abused, rejected }
  }

  connectionsByAddress(): ReadonlyMap<string, number> {
    const open = new Map<string, number>()
    for (const { address } of this.connections.values()) {
      open.set(address, (open.get(address) ?? 0) + 1)
    }
    return open
  }

  /**
   * Resolves to the port it listens on. Connections are kept waiting until `serve`: clients that
   * were hung up on would come again at once, hundreds of times a second as long as a start takes.
   */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject)
      this.server.listen(port, host, () => {
        this.server.off('error', reject)
        const address = this.server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  /**
   * Clients that wait are hung up on now, and come again at once. What they have sent may have been
   * given up since: done now, behind what they have sent in its place, it would undo that.
   */
  serve(engine: Engine, table: ProgramTable): void {
    this.serving = { engine, table }
    this.dismiss()
  }

  private dismiss(): void {
    for (const socket of this.waiting) socket.destroy()
    this.waiting.clear()
  }

  /** Closes every connection without an answer: clients ask again, and wait. */
  interrupt(reason: string): void {
    this.serving = undefined
    const open = [...this.connections.keys()]
    if (open.length === 0) return
    this.options.log.info({ reason, connections: open.length }, 'connections closed')
    for (const connection of open) connection.close(undefined)
  }

  private accept(socket: Socket): void {
    const { log, maxConnections } = this.options
    const { serving } = this
    if (serving === undefined) {
      this.letWait(socket)
      return
    }
    this.endOlder(socket)
    if (this.connections.size < maxConnections) this.connect(socket, serving)
    else {
      this.rejected += 1
      log.warn({ from: socket.remoteAddress }, 'too many connections')
      socket.destroy()
    }
  }

  /** Where too many wait, the oldest is the likeliest to have been given up. */
  private letWait(socket: Socket): void {
    const [oldest] = this.waiting
    if (oldest !== undefined && this.waiting.size >= this.options.maxConnections) {
      this.rejected += 1
      this.waiting.delete(oldest)
      oldest.destroy()
    }
    socket.on('error', () => undefined)
    this.waiting.add(socket)
  }

  /**
   * A client comes again from the port that it had: the connection before it is dead. That may not
   * have been read yet, behind calls that the client sends again over the new one: done later than
   * what follows there, they would undo it.
   */
  private endOlder(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '')
    const local = plainAddress(socket.localAddress ?? '')
    for (const [connection, caller] of this.connections) {
      if (caller.port !== socket.remotePort || caller.address !== address) continue
      if (caller.local === local) connection.close(undefined)
    }
  }

  private connect(socket: Socket, { engine, table }: Serving): void {
    const { log } = this.options
    const caller = new TcpCaller(engine, socket)
    const onFault = (error: unknown, procedure: string) =>
      log.error({ err: error, procedure, from: caller.address }, 'procedure failed')
    const connection: Connection = new Connection({
      socket,
      dispatcher: new Dispatcher(table, caller, onFault),
      stream: engine.stream,
      pressure: engine.pressure,
      onFault,
      onClose: (reason) => {
        this.connections.delete(connection)
        if (reason === undefined) return
        this.abused += 1
        log.warn({ from: caller.address, port: caller.port, reason }, 'connection closed')
      },
    })
    this.connections.set(connection, caller)
  }

  /** Stops listening, and resolves when the calls that are under way are answered. */
  async drain(millis: number): Promise<void> {
    this.server.close()
    for (let waited = 0; waited < millis && this.counts.underWay > 0; waited += DRAIN_TICK) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_TICK))
    }
    this.interrupt('server stops')
    this.dismiss()
  }
}

class TcpCaller implements Caller {
  readonly address: string
  readonly port: number
  readonly local: string
  readonly transport = 'tcp'
  readonly permits = new Map<number, Permit>()
  private readonly engine: Engine
  private known = 0

  constructor(engine: Engine, socket: Socket) {
    this.engine = engine
    this.address = plainAddress(socket.remoteAddress ?? '')
    this.port = socket.remotePort ?? 0
    this.local = plainAddress(socket.localAddress ?? '')
  }

  get client(): number {
    if (this.known === 0) {
      const { engine, address } = this
      const origin = { op: operations.internal, client: 0, uid: 0, gid: 0, xid: 0, checksum: 0 }
      const decision = engine.stream.submit({ type: 'SeeClient', address }, origin)
      if (typeof decision !== 'string' && decision.outcome.kind === 'accepted') {
        this.known = decision.outcome.ino
      }
    }
    return this.known
  }
}
