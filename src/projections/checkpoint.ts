/**
 * Where the store is: the record it holds everything up to, the frame that ends with it, and the
 * digests of that state.
 */

import type { Store, StoreWriter } from '../store/store.ts'
import * as wire from '../wire/schema.ts'
import { Digest } from './digest.ts'
import { RowCodec } from './row-codec.ts'

export interface Checkpoint {
  readonly seq: number
  /** Of the frame that ends with record `seq`, as a string: which journal this is about. */
  readonly hash: string
  readonly digests: ReadonlyMap<number, Digest>
}

const MAP = 'meta'
const KEY = Buffer.from('checkpoint')
/** Of the layout of all rows: another number means that the store is rebuilt, not converted. */
const LAYOUT = 5
/** The third had no runs of past versions, the fourth no machines in replies: both are as good. */
const LAYOUTS = [3, 4, LAYOUT]

const codec = new RowCodec(
  wire.struct('checkpoint', {
    layout: wire.varuint,
    hash: wire.varstring,
    digests: wire.array(
      wire.struct('digest', { share: wire.varuint, a: wire.u32, b: wire.u32 }),
      1 << 16,
    ),
  }),
)

/** The last record of a share that is forgotten: earlier moments cannot be looked at any more. */
export function readHorizons(store: Store): Map<number, number> {
  const horizons = new Map<number, number>()
  for (const { key, value } of store.map(MAP).range(HORIZON, HORIZON_END)) {
    horizons.set(key.readUInt32BE(HORIZON.length), value.readUIntBE(0, 6))
  }
  return horizons
}

export function writeHorizon(writer: StoreWriter, share: number, seq: number): void {
  const key = Buffer.alloc(HORIZON.length + 4)
  HORIZON.copy(key)
  key.writeUInt32BE(share, HORIZON.length)
  const value = Buffer.alloc(6)
  value.writeUIntBE(seq, 0, 6)
  writer.put(MAP, key, value)
}

const HORIZON = Buffer.from('horizon ')
const HORIZON_END = Buffer.from('horizon!')

/** The store was written by another version: it must be deleted and rebuilt from the journal. */
export class LayoutError extends Error {
  override readonly name = 'LayoutError'
}

export function readCheckpoint(store: Store): Checkpoint {
  const row = store.map(MAP).get(KEY)
  if (row === undefined) return { seq: 0, hash: '', digests: new Map() }
  const seq = seqOfCheckpoint(row)
  const { layout, hash, digests } = codec.decode(row)
  if (!LAYOUTS.includes(layout)) {
    throw new LayoutError(`projections have layout ${layout}, not ${LAYOUT}`)
  }
  return {
    seq,
    hash,
    digests: new Map(
      digests.map(({ share, a, b }) => {
        const digest = new Digest()
        digest.add({ a, b })
        return [share, digest]
      }),
    ),
  }
}

const seqOfCheckpoint = (row: Buffer): number => row.readUIntBE(0, 6)

export function writeCheckpoint(writer: StoreWriter, { seq, hash, digests }: Checkpoint): void {
  const rows = [...digests].map(([share, { a, b }]) => ({ share, a, b }))
  rows.sort((x, y) => x.share - y.share)
  writer.put(MAP, KEY, codec.encode(seq, { layout: LAYOUT, hash, digests: rows }))
}
