/** Clients: known by their address, and which shares they say they have mounted. */
import { KiB } from '../../platform/limits.ts'
import type { Client } from '../../projections/control.ts'
import { accepted, type Decide, type DecisionWorld, refused } from '../decider.ts'

export interface SeeClient {
  readonly type: 'SeeClient'
  readonly address: string
}

export interface MountShare {
  readonly type: 'MountShare'
  readonly client: number
  readonly share: number
  readonly path: string
}

export interface UnmountShare {
  readonly type: 'UnmountShare'
  readonly client: number
  /** Empty: everything that it has mounted. */
  readonly path: string
}

/** Clients remembered at most: beyond it the longest known without a mount goes. */
const CLIENTS_MAX = 16_384
/** MOUNT's list is what clients claim (RFC 1813 appendix I): beyond this the oldest one goes. */
const MOUNTS_MAX = 256
/** And beyond so many bytes of their paths. */
const MOUNT_BYTES_MAX = 32 * KiB

export const seeClient: Decide<SeeClient> = (world, { address }) => {
  const known = world.control.clientByAddress(address)
  if (known !== undefined) return accepted([], known.id)
  const client = world.control.state.nextClient
  const seen = { type: 'ClientSeen', client, address } as const
  if (world.control.clients.size < CLIENTS_MAX) return accepted([seen], client)
  return accepted([{ type: 'ClientForgotten', client: oldest(world).id }, seen], client)
}

function oldest(world: DecisionWorld): Client {
  const clients = [...world.control.clients.values()]
  const idle = clients.filter(({ mounts }) => mounts.length === 0)
  return (idle.length > 0 ? idle : clients).reduce((a, b) => (b.since < a.since ? b : a))
}

export const mountShare: Decide<MountShare> = (world, { client, path }) => {
  const known = world.control.clients.get(client)
  if (known === undefined) return refused('unknown')
  // What is mounted already is mounted again: every mount is a record.
  const mounted = { type: 'ShareMounted', client, path } as const
  const others = known.mounts.filter((other) => other !== path)
  const gone = tooMany(others, path.length).map(
    (other) => ({ type: 'ShareUnmounted', client, path: other }) as const,
  )
  return accepted([...gone, mounted])
}

/** The oldest of `mounts`, as many as must give way to one whose path has `length` bytes. */
function tooMany(mounts: readonly string[], length: number): readonly string[] {
  let bytes = mounts.reduce((sum, path) => sum + path.length, length)
  let gone = 0
  for (; mounts.length - gone >= MOUNTS_MAX || bytes > MOUNT_BYTES_MAX; gone++) {
    const oldest = mounts[gone]
    if (oldest === undefined) break
    bytes -= oldest.length
  }
  return mounts.slice(0, gone)
}

export const unmountShare: Decide<UnmountShare> = (world, { client, path }) => {
  const known = world.control.clients.get(client)
  if (known === undefined) return accepted([])
  const any = path === '' ? known.mounts.length > 0 : known.mounts.includes(path)
  return accepted(any ? [{ type: 'ShareUnmounted', client, path }] : [])
}
