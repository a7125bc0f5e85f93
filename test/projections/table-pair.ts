/** A table and what follows it, for tests. */
import { Digest } from '../../src/projections/digest.ts'
import { type byName, type byNumber, GroupTable } from '../../src/projections/group-table.ts'
import type { Positions, TableSpec } from '../../src/projections/table-spec.ts'
import type { Store } from '../../src/store/store.ts'
import * as wire from '../../src/wire/schema.ts'

const schema = wire.struct('thing', { text: wire.varstring })
export type Thing = wire.Infer<typeof schema>

const spec = (memory: number, runs: boolean): TableSpec<Thing> => ({
  runs,
  name: 'things',
  id: 1,
  schema,
  temporal: true,
  digested: true,
  memory,
  weightOf: ({ text }) => text.length,
})

/** The live table and its follower, as two worlds on one store. */
export class Pair<S extends string | number> {
  readonly live: GroupTable<Thing, S>
  readonly follower: GroupTable<Thing, S>
  readonly positions: Positions = { flushed: 0, saw: 0 }
  private readonly behind: Positions = { flushed: 0, saw: 0 }
  private readonly queue: [number, S, Thing | undefined, number][] = []
  private readonly store: Store
  readonly digest = new Digest()

  constructor(store: Store, sub: typeof byName | typeof byNumber, memory: number, runs = false) {
    this.store = store
    const things = spec(memory, runs)
    const key = sub as ConstructorParameters<typeof GroupTable<Thing, S>>[1]
    this.live = new GroupTable(things, key, store, this.positions)
    this.follower = new GroupTable(things, key, store, this.behind)
    // Of some groups it is known that they begin here, of others not.
    for (const table of [this.live, this.follower]) for (const group of [1, 2]) table.begin(group)
  }

  change(group: number, sub: S, value: Thing | undefined, seq: number): void {
    this.queue.push([group, sub, value, seq])
    this.apply(this.live, [group, sub, value, seq])
  }

  private apply(table: GroupTable<Thing, S>, change: [number, S, Thing | undefined, number]): void {
    const [group, sub, value, seq] = change
    if (value === undefined) table.delete(group, sub, seq)
    else table.put(group, sub, value, seq)
  }

  /**
   * The follower folds what is not newer than `upTo`, and keeps what it has that is; then it
   * flushes, and `live` hears of it or not.
   */
  flush(upTo: number, told: boolean): void {
    const seq = Math.max(upTo, this.behind.flushed)
    while (this.queue[0] !== undefined && this.queue[0][3] <= seq) {
      this.apply(this.follower, this.queue.shift() as [number, S, Thing | undefined, number])
    }
    this.store.commit((writer) => this.follower.flushTo(writer, () => this.digest))
    this.store.refresh()
    this.behind.flushed = seq
    this.follower.onFlushed()
    if (!told) return
    this.positions.flushed = seq
    this.live.onFlushed()
  }
}
