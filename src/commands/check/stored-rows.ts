/** The rows of a store as they lie there, without the memory of a world in front of them. */
import { byName, byNumber, type SubKey } from '../../projections/group-table.ts'
import { copyRow, groupOfKey, KEY_MAX, putGroup, RowCodec } from '../../projections/row-codec.ts'
import type { TableSpec } from '../../projections/table.ts'
import type { Store, StoreMap } from '../../store/store.ts'

export const FIRST_KEY = Buffer.alloc(1)
export const PAST_KEYS = Buffer.alloc(KEY_MAX + 1, 0xff)

export interface StoredRow<V> {
  readonly group: number
  /** A copy. */
  readonly key: Buffer
  readonly value: V
}

export class StoredRows<V> {
  readonly name: string
  private readonly map: StoreMap
  private readonly codec: RowCodec<V>

  constructor(store: Store, { name, schema }: TableSpec<V>, past = false) {
    this.name = past ? `${name}@` : name
    this.map = store.map(this.name)
    this.codec = new RowCodec(schema)
  }

  byId(group: number): V | undefined {
    const key = Buffer.alloc(8)
    putGroup(key, group)
    return this.at(key)
  }

  byName(group: number, name: string): V | undefined {
    return this.at(keyOf(group, name, byName))
  }

  byNumber(group: number, sub: number): V | undefined {
    return this.at(keyOf(group, sub, byNumber))
  }

  private at(key: Buffer): V | undefined {
    const row = this.map.get(key)
    return row && this.codec.decode(row)
  }

  /** All rows in the order of their keys. */
  *all(): Iterable<StoredRow<V>> {
    yield* this.between(FIRST_KEY, PAST_KEYS)
  }

  *ofGroup(group: number): Iterable<StoredRow<V>> {
    const [from, to] = [Buffer.alloc(8), Buffer.alloc(8)]
    putGroup(from, group)
    putGroup(to, group + 1)
    yield* this.between(from, to)
  }

  private *between(from: Buffer, to: Buffer): Iterable<StoredRow<V>> {
    for (const { key, value } of this.map.range(from, to)) {
      const row = { group: groupOfKey(key), key: copyRow(key), value: this.codec.decode(value) }
      yield row
    }
  }
}

function keyOf<S extends string | number>(group: number, sub: S, how: SubKey<S>): Buffer {
  const key = Buffer.alloc(KEY_MAX)
  putGroup(key, group)
  return key.subarray(0, how.put(key, sub))
}
