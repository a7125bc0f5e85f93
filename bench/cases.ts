import type { Durability } from './peers/peer.ts'

/** Cases of one set share a server and the files in it. */
export type WorkingSet = 'tree' | 'file' | 'stream' | 'directories' | 'listing'

export type Load =
  | 'getattr'
  | 'lookup'
  | 'access'
  | 'read-random'
  | 'read-sequential'
  | 'create'
  | 'write-unstable'
  | 'write-sync'
  | 'write-sequential'
  | 'list'
  | 'list-changed'

export interface BenchCase {
  readonly name: string
  readonly title: string
  readonly load: Load
  readonly set: WorkingSet
  /** How our share answers; Ganesha's CREATE is never synced, whatever the case. */
  readonly durability: Durability
  readonly connections: number
  readonly inFlight: number
  /** Payload of one operation, for MB/s. */
  readonly bytes: number
  /** Least ratio of our operations per second to Ganesha's that we promise. */
  readonly target: number
}

const KiB4 = 4096
const MiB = 1 << 20

export const FILE_BYTES = 256 * MiB
export const TREE = { directories: 64, filesEach: 64 } as const
export const CREATE_DIRECTORIES = 16
export const LISTING_ENTRIES = 10_000

type Shape = readonly [connections: number, inFlight: number]
const MANY: Shape = [4, 16]
const ONE: Shape = [1, 1]
const STREAM: Shape = [1, 4]

function row(
  name: string,
  title: string,
  load: Load,
  set: WorkingSet,
  [connections, inFlight]: Shape,
  target: number,
  more: { readonly bytes?: number; readonly durability?: Durability } = {},
): BenchCase {
  const { bytes = 0, durability = 'durable' } = more
  return { name, title, load, set, durability, connections, inFlight, bytes, target }
}

/** Every case with its target, in the order of the report. */
export const CASES: readonly BenchCase[] = [
  row('getattr', 'GETATTR', 'getattr', 'tree', MANY, 4),
  row('lookup', 'LOOKUP', 'lookup', 'tree', MANY, 4),
  row('access', 'ACCESS', 'access', 'tree', MANY, 4),
  row('read-4k', 'READ 4 KiB random', 'read-random', 'file', MANY, 3, { bytes: KiB4 }),
  row('read-4k-1x1', 'READ 4 KiB random', 'read-random', 'file', ONE, 0.8, { bytes: KiB4 }),
  row('read-1m', 'READ 1 MiB sequential', 'read-sequential', 'file', STREAM, 1, { bytes: MiB }),
  row('write-4k-unstable', 'WRITE 4 KiB UNSTABLE + COMMIT', 'write-unstable', 'file', MANY, 3, {
    bytes: KiB4,
  }),
  row('write-4k-sync', 'WRITE 4 KiB FILE_SYNC', 'write-sync', 'file', MANY, 3, { bytes: KiB4 }),
  row('write-4k-sync-1x1', 'WRITE 4 KiB FILE_SYNC', 'write-sync', 'file', ONE, 0.7, {
    bytes: KiB4,
  }),
  row('write-1m', 'WRITE 1 MiB sequential + COMMIT', 'write-sequential', 'stream', STREAM, 1, {
    bytes: MiB,
  }),
  row('create', 'CREATE durable', 'create', 'directories', MANY, 2),
  row('create-1x1-async', 'CREATE async', 'create', 'directories', ONE, 1, {
    durability: 'async',
  }),
  row('readdirplus', 'READDIRPLUS of 10,000 entries', 'list', 'listing', ONE, 1),
  row('readdirplus-first', 'the same, changed since', 'list-changed', 'listing', ONE, 1),
]

export function caseNamed(name: string): BenchCase {
  const found = CASES.find((one) => one.name === name)
  if (found === undefined) {
    throw new RangeError(`no case ${name}; there are ${CASES.map((c) => c.name).join(', ')}`)
  }
  return found
}
