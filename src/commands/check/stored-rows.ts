/** The rows of a store in the order of their keys, as they lie there. */
import { pastVersions } from '../../projections/past-run.ts'
import {
  copyRow,
  groupOfKey,
  KEY_MAX,
  putGroup,
  RowCodec,
  seqOfRow,
} from '../../projections/row-codec.ts'
import type { TableSpec } from '../../projections/table-spec.ts'
import type { Store, StoreEntry } from '../../store/store.ts'

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
  const rows = store.map(past ? `${name}@` : name).range(FIRST_KEY, PAST_KEYS)
  yield* decoded(past ? versionsOf(rows) : rows, codec)
}

/** Past rows one by one, those of runs too. */
export function* versionsOf(rows: Iterable<StoreEntry>): Iterable<StoreEntry> {
  for (const { key, value } of rows) {
    for (const version of pastVersions(key, value)) yield { key: version.key, value: version.row }
  }
}

export function* storedGroup<V>(
  store: Store,
  { name, schema }: TableSpec<V>,
  group: number,
): Iterable<StoredRow<V>> {
  const [from, to] = [Buffer.alloc(8), Buffer.alloc(8)]
  putGroup(from, group)
  putGroup(to, group + 1)
  yield* decoded(store.map(name).range(from, to), new RowCodec(schema))
}

function* decoded<V>(rows: Iterable<StoreEntry>, codec: RowCodec<V>): Iterable<StoredRow<V>> {
  for (const { key, value } of rows) {
    const row = { group: groupOfKey(key), key: copyRow(key), seq: seqOfRow(value) }
    yield { ...row, value: codec.decode(value) }
  }
}

export const numberOfKey = (key: Buffer): number =>
  key.readUInt32BE(8) * 2 ** 32 + key.readUInt32BE(12)

export const nameOfKey = (key: Buffer): string => key.latin1Slice(8, key.length)
