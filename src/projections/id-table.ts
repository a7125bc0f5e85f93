import type { Store } from '../store/store.ts'
import { groupOfKey, putGroup, seqOfRow } from './row-codec.ts'
import { Slot } from './slot.ts'
import { Table } from './table.ts'
import type { Positions, TableSpec } from './table-spec.ts'

const FIRST = Buffer.alloc(8)
const PAST_LAST = Buffer.alloc(9, 0xff)

/** Rows under one number. */
export class IdTable<V> extends Table<V, 0> {
  private readonly slots = new Map<number, Slot<V>>()
  private readonly key = Buffer.alloc(8)

  constructor(spec: TableSpec<V>, store: Store, positions: Positions) {
    super(spec, store, positions)
    if (spec.memory === Infinity) this.loadAll()
  }

  /** Tables that stay in memory whole are read once, when they are opened. */
  private loadAll(): void {
    for (const { key, value } of this.live.range(FIRST, PAST_LAST)) {
      this.slots.set(
        groupOfKey(key),
        new Slot(groupOfKey(key), 0, this.codec.decode(value), seqOfRow(value)),
      )
    }
  }

  /** All rows, ascending. Only of tables that are in memory whole. */
  *all(): Iterable<[id: number, value: V]> {
    for (const id of [...this.slots.keys()].sort((a, b) => a - b)) {
      const value = this.slots.get(id)?.value
      if (value !== undefined) yield [id, value]
    }
  }

  protected override find(group: number): Slot<V> | undefined {
    return this.slots.get(group)
  }

  protected override keep(slot: Slot<V>): void {
    this.slots.set(slot.group, slot)
  }

  protected override forget(slot: Slot<V>): void {
    this.slots.delete(slot.group)
  }

  protected override keyOf(group: number): Buffer {
    putGroup(this.key, group)
    return this.key
  }
}
