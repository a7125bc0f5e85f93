import type { Store } from '../store/store.ts'
import { IdTable } from './id-table.ts'
import { groupOfKey } from './row-codec.ts'
import type { Remains } from './rows.ts'
import type { Positions, TableSpec } from './table-spec.ts'

const ALL = [Buffer.alloc(1), Buffer.alloc(9, 0xff)] as const

/** Extents that are of no file any more, and are still in the map of the file they were cut off. */
export class CutOff {
  readonly table: IdTable<Remains>
  /** Extent maps that have some: few at any time. */
  private readonly ids = new Set<number>()

  constructor(spec: TableSpec<Remains>, store: Store, positions: Positions) {
    this.table = new IdTable(spec, store, positions)
    for (const { key } of store.map(spec.name).range(...ALL)) this.ids.add(groupOfKey(key))
  }

  all(): ReadonlySet<number> {
    return this.ids
  }

  get(id: number): Remains | undefined {
    return this.ids.has(id) ? this.table.get(id, 0) : undefined
  }

  /** A file that ended at `end` is cut at `from`; there may be remains behind `end` already. */
  add(id: number, ino: number, from: number, end: number, seq: number): void {
    const there = this.get(id)
    this.put(id, { ino, from, end: Math.max(end, there?.end ?? 0) }, seq)
  }

  /** Nothing is left of what begins before `offset`. */
  grownOver(id: number, offset: number, seq: number): void {
    const there = this.get(id)
    if (there === undefined || there.from >= offset) return
    if (there.end <= offset) this.forget(id, seq)
    else this.put(id, { ...there, from: offset }, seq)
  }

  private put(id: number, remains: Remains, seq: number): void {
    this.ids.add(id)
    this.table.put(id, 0, remains, seq)
  }

  /** The whole map is nobody's. */
  forget(id: number, seq: number): void {
    if (this.ids.delete(id)) this.table.delete(id, 0, seq)
  }

  /** They are in no store any more. */
  erase(gone: (id: number) => boolean): void {
    for (const id of this.ids) if (gone(id)) this.ids.delete(id)
  }
}
