/** The rows of a store in the order of their keys, as they lie there. */
import {
  copyRow,
  groupOfKey,
  KEY_MAX,
  putGroup,
  RowCodec,
  seqOfRow,
} from '../../projections/row-codec.ts'
import type { TableSpec } from '../../projections/table-spec.ts'
import type { Store } from '../../store/store.ts'

export const FIRST_KEY = Buffer.alloc(1)
export const PAST_KEYS = Buffer.alloc(KEY_MAX + 1, 0xff)

export interface StoredRow<V> {
  readonly group: number
  readonly key: Buffer
  /** The record that it is valid from; of a past one, the record that ended it. */
  readonly seq: number
  readonly value: V
}

/** `past`: the versions that were replaced, whose keys end with the record they were valid from. */
export function* storedRows<V>(
  store: Store,
  { name, schema }: TableSpec<V>,
  past = false,
): Iterable<StoredRow<V>> {
  const codec = new RowCodec(schema)
  yield* decoded(store, past ? `${name}@` : name, codec, FIRST_KEY, PAST_KEYS)
}

export function* storedGroup<V>(
  store: Store,
  { name, schema }: TableSpec<V>,
  group: number,
): Iterable<StoredRow<V>> {
  const [from, to] = [Buffer.alloc(8), Buffer.alloc(8)]
  putGroup(from, group)
  putGroup(to, group + 1)
  yield* decoded(store, name, new RowCodec(schema), from, to)
}

function* decoded<V>(
  store: Store,
  map: string,
  codec: RowCodec<V>,
  from: Buffer,
  to: Buffer,
): Iterable<StoredRow<V>> {
  for (const { key, value } of store.map(map).range(from, to)) {
    const row = { group: groupOfKey(key), key: copyRow(key), seq: seqOfRow(value) }
    yield { ...row, value: codec.decode(value) }
  }
}

export const numberOfKey = (key: Buffer): number =>
  key.readUInt32BE(8) * 2 ** 32 + key.readUInt32BE(12)

export const nameOfKey = (key: Buffer): string => key.latin1Slice(8, key.length)
