import { isIPv6 } from 'node:net'
import type { Call } from '../rpc/program.ts'
import type { protocol } from './portmap-types.ts'

type Transport = keyof typeof protocol

/** A program that is served, and where. */
export interface Service {
  readonly program: number
  readonly version: number
  readonly transport: Transport
  readonly port: number
}

export interface Wanted {
  readonly program: number
  readonly version: number
  readonly transport: Transport
  /** No other version will do. */
  readonly exactly?: boolean
}

/** What the port mapper knows: the programs of this server, and nobody else's. */
export class Services {
  readonly all: readonly Service[]

  constructor(all: readonly Service[]) {
    this.all = all
  }

  /** The version asked for, or else another one: the program then says which ones it has. */
  find({ program, version, transport, exactly }: Wanted): Service | undefined {
    const near = this.all.filter((s) => s.program === program && s.transport === transport)
    return near.find((s) => s.version === version) ?? (exactly === true ? undefined : near[0])
  }
}

/** RFC 5665 section 5.1: `tcp`, `udp`, and their namesakes over IPv6. */
export const netid = (transport: Transport, { caller }: Call): string =>
  isIPv6(caller.local) ? `${transport}6` : transport

/** RFC 5665 section 5.2.3: the address that the caller knows us by, and both bytes of the port. */
export const universalAddress = (port: number, { caller }: Call): string =>
  `${caller.local}.${port >> 8}.${port & 0xff}`
