/** Listens for RPC over UDP: one datagram a call, one a reply. For programs that answer at once. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { BlockList, isIP, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Log } from '../../platform/log.ts'
import type { Permit } from '../exports.ts'
import { plainAddress } from './address.ts'
import { Dispatcher, NotACallError, type ProgramTable } from './dispatcher.ts'
import type { Caller } from './program.ts'
import { ReplyWriter } from './reply-writer.ts'

/** What fits into one packet, so that a reply is hardly more than its call: no use to floods. */
const REPLY_MAX = 1400
const RECORD_MARK_SIZE = 4

export class DatagramServer {
  private readonly log: Log
  private readonly socket: Socket
  private readonly writer = new ReplyWriter(REPLY_MAX)
  private table: ProgramTable | undefined
  private local = ''

  /** `host`: an address of this machine, or one that stands for all of them. */
  constructor(host: string, log: Log) {
    this.log = log
    this.socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    this.socket.on('message', (bytes, from) => this.answer(bytes, from))
  }

  /** Resolves to the port it listens on. Nothing is answered until `serve`. */
  async listen(port: number, host: string): Promise<number> {
    const listening = Promise.withResolvers<void>()
    this.socket.once('error', listening.reject)
    this.socket.bind(port, host, listening.resolve)
    await listening.promise
    this.socket.off('error', listening.reject)
    this.socket.on('error', (err) => this.log.warn({ err }, 'a datagram could not be sent'))
    const { address, port: bound } = this.socket.address()
    this.local = address === '0.0.0.0' || address === '::' ? '' : address
    return bound
  }

  serve(table: ProgramTable): void {
    this.table = table
  }

  close(): void {
    this.table = undefined
    this.socket.close()
  }

  private answer(bytes: Buffer, { address, port }: RemoteInfo): void {
    const { table, writer } = this
    if (table === undefined) return
    const caller = new DatagramCaller(plainAddress(address), port, this.local)
    const onFault = (err: unknown, procedure: string) =>
      this.log.error({ err, procedure, from: caller.address }, 'procedure failed')
    const started = performance.now()
    writer.reset()
    writer.begin()
    try {
      const dispatcher = new Dispatcher(table, caller, onFault)
      const served = dispatcher.dispatch(bytes, 0, bytes.length, writer)
      if (served !== undefined && typeof served.outcome !== 'number') return
      served?.offer.meter.answered(0, 1000 * (performance.now() - started))
    } catch (error) {
      // A datagram that is no call, from an address that may be forged: not worth an answer.
      if (error instanceof NotACallError) return
      throw error
    }
    this.socket.send(Buffer.from(writer.written(RECORD_MARK_SIZE)), port, address)
    writer.reset()
    writer.rest()
  }
}

class DatagramCaller implements Caller {
  readonly address: string
  readonly port: number
  readonly client = 0
  readonly transport = 'udp'
  readonly permits = new Map<number, Permit>()
  private readonly bound: string

  constructor(address: string, port: number, bound: string) {
    this.address = address
    this.port = port
    this.bound = bound
  }

  /** A datagram does not say which of our addresses it was sent to: most likely the nearest. */
  get local(): string {
    return this.bound === '' ? nearest(this.address) : this.bound
  }
}

/** The address of this machine in the network of `peer`, or else any that can be reached. */
function nearest(peer: string): string {
  const family = isIP(peer) === 6 ? 'IPv6' : 'IPv4'
  const own = Object.values(networkInterfaces()).flatMap((found) => found ?? [])
  const same = own.filter((one) => one.family === family)
  const near = same.find(({ cidr }) => {
    const [network = '', prefix = '0'] = cidr?.split('/') ?? []
    if (network === '') return false
    const list = new BlockList()
    list.addSubnet(network, Number(prefix), family === 'IPv6' ? 'ipv6' : 'ipv4')
    return list.check(peer, family === 'IPv6' ? 'ipv6' : 'ipv4')
  })
  return (near ?? same.find(({ internal }) => !internal) ?? same[0])?.address ?? '127.0.0.1'
}
