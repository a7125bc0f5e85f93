import { NAME_MAX } from '../platform/limits.ts'
import type { Store } from '../store/store.ts'
import { copyRow, KEY_MAX, putGroup } from './row-codec.ts'
import type { Slot } from './slot.ts'
import { Table } from './table.ts'
import type { Positions, StoredRow, TableSpec } from './table-spec.ts'

/** How the second part of a key is ordered and stored. Names sort by bytes, numbers by value. */
export interface SubKey<S extends string | number> {
  /** Writes it at byte 8 and returns the key's length. */
  put(key: Buffer, sub: S): number
  of(key: Buffer): S
}

export const byName: SubKey<string> = {
  put(key, name) {
    if (name.length > NAME_MAX) throw new RangeError(`name of ${name.length} bytes in a key`)
    for (let i = 0; i < name.length; i++) key[8 + i] = name.charCodeAt(i)
    return 8 + name.length
  },
  of: (key) => key.latin1Slice(8, key.length),
}

export const byNumber: SubKey<number> = {
  put(key, n) {
    key.writeUInt32BE(Math.floor(n / 2 ** 32), 8)
    key.writeUInt32BE(n % 2 ** 32, 12)
    return 16
  },
  of: (key) => key.readUInt32BE(8) * 2 ** 32 + key.readUInt32BE(12),
}

/** Fresh slots out of order that are put in their places one by one, rather than all sorted. */
const STRAYS_MAX = 64

class Group<V, S> {
  readonly slots = new Map<S, Slot<V>>()
  /**
   * Slots that the store may not know yet, which are the dirty ones: what a scan must add to the
   * store's rows.
   */
  fresh: Slot<V>[] = []
  /** Ascending. Appending at the end, as cookies and logs do, keeps it so. */
  sorted = true
  /** Where they are not: how many of them, from the first one on, still are. */
  sortedTo = 0
  /** Whether it is among the table's groups with fresh slots. */
  listed = false
  /** Whether all its rows are in `slots`, so that what is not there is in no store either. */
  complete: boolean

  constructor(complete: boolean) {
    this.complete = complete
  }
}

/** New groups without rows that are remembered. */
const BEGUN_MAX = 1024

/** Rows of a group (a directory's entries, a file's extents), ordered by a second key. */
export class GroupTable<V, S extends string | number> extends Table<V, S> {
  private readonly groups = new Map<number, Group<V, S>>()
  /** The group that was asked for last: who asks for one row mostly asks for its neighbours. */
  private lastId = -1
  private last: Group<V, S> | undefined
  private readonly begun = new Set<number>()
  /** Groups that have fresh slots, each once. */
  private freshGroups: Group<V, S>[] = []
  private readonly sub: SubKey<S>
  private readonly key = Buffer.alloc(KEY_MAX)
  private readonly keys: Buffer[] = []

  constructor(spec: TableSpec<V>, sub: SubKey<S>, store: Store, positions: Positions) {
    super(spec, store, positions)
    this.sub = sub
  }

  /** A group begins that no store has rows of. */
  begin(id: number): void {
    this.begun.add(id)
    if (this.begun.size <= BEGUN_MAX) return
    for (const oldest of this.begun) {
      this.begun.delete(oldest)
      return
    }
  }

  private group(id: number): Group<V, S> | undefined {
    if (id !== this.lastId) {
      this.last = this.groups.get(id)
      this.lastId = id
    }
    return this.last
  }

  protected override find(group: number, sub: S): Slot<V> | undefined {
    return this.group(group)?.slots.get(sub)
  }

  protected override complete(id: number): boolean {
    return this.group(id)?.complete ?? this.begun.has(id)
  }

  protected override keep(slot: Slot<V>): void {
    let group = this.group(slot.group)
    if (group === undefined) {
      group = new Group(this.begun.delete(slot.group))
      this.groups.set(slot.group, group)
      this.last = group
    }
    group.slots.set(slot.sub as S, slot)
  }

  protected override forget(slot: Slot<V>): void {
    const group = this.group(slot.group)
    if (group === undefined) return
    group.slots.delete(slot.sub as S)
    if (slot.value !== undefined) group.complete = false
    if (group.slots.size > 0) return
    this.groups.delete(slot.group)
    this.last = undefined
  }

  protected override becameDirty(slot: Slot<V>): void {
    const group = this.group(slot.group) as Group<V, S>
    // Of one that is not sorted nothing is looked at: its slots lie anywhere in memory.
    const last = group.sorted ? group.fresh.at(-1) : undefined
    if (last !== undefined && last.sub > slot.sub) {
      group.sorted = false
      group.sortedTo = group.fresh.length
    }
    group.fresh.push(slot)
    if (group.listed) return
    group.listed = true
    this.freshGroups.push(group)
  }

  /** What a group remembers of a slot would keep that in memory when it is forgotten. */
  override onFlushed(): void {
    super.onFlushed()
    const { flushed } = this.positions
    this.freshGroups = this.freshGroups.filter((group) => {
      let kept = 0
      for (let i = 0; i < group.sortedTo; i++) if (seqAt(group.fresh, i) > flushed) kept += 1
      group.sortedTo = kept
      group.fresh = group.fresh.filter(({ seq }) => seq > flushed)
      group.sorted ||= group.fresh.length === 0
      group.listed = group.fresh.length > 0
      return group.listed
    })
  }

  private freshOf(group: Group<V, S> | undefined): readonly Slot<V>[] {
    if (group === undefined) return []
    if (group.sorted) return group.fresh
    if (group.fresh.length - group.sortedTo > STRAYS_MAX) group.fresh.sort(bySub)
    else this.placeStrays(group)
    group.sorted = true
    return group.fresh
  }

  /** Whoever writes here and there in a group looks into it in between: sorting takes too long. */
  private placeStrays(group: Group<V, S>): void {
    const { fresh } = group
    for (const slot of fresh.splice(group.sortedTo)) {
      fresh.splice(firstNotBelow(fresh, slot.sub), 0, slot)
    }
  }

  protected override keyOf(group: number, sub: S): Buffer {
    putGroup(this.key, group)
    const length = this.sub.put(this.key, sub)
    let view = this.keys[length]
    if (view === undefined) {
      view = this.key.subarray(0, length)
      this.keys[length] = view
    }
    return view
  }

  private bounds(group: number, from: S): [Buffer, Buffer] {
    const end = Buffer.alloc(8)
    putGroup(end, group + 1)
    return [Buffer.from(this.keyOf(group, from)), end]
  }

  /** Live rows of a group from `from` on, ascending. Ends early when the caller stops. */
  *from(group: number, from: S): Iterable<[sub: S, value: V]> {
    const slots = this.group(group)
    const fresh = this.freshOf(slots)
    let next = firstNotBelow(fresh, from)
    const [start, end] = this.bounds(group, from)
    for (const { key, value } of this.live.range(start, end)) {
      const sub = this.sub.of(key)
      for (; next < fresh.length && subAt(fresh, next) < sub; next++) {
        yield* this.present(group, subAt(fresh, next))
      }
      if (fresh[next]?.sub === sub) next += 1
      const slot = slots?.slots.get(sub)
      if (slot === undefined) yield [sub, this.codec.decode(value)]
      else yield* this.present(group, sub)
    }
    for (; next < fresh.length; next++) yield* this.present(group, subAt(fresh, next))
  }

  private *present(group: number, sub: S): Iterable<[sub: S, value: V]> {
    const value = this.get(group, sub)
    if (value !== undefined) yield [sub, value]
  }

  /** Rows of a group that were in force at `seq`, from `from` on, ascending. */
  *fromAsOf(group: number, from: S, seq: number): Iterable<[sub: S, value: V]> {
    const [start, end] = this.bounds(group, from)
    const stored = merged(this.liveRange(start, end, seq), this.pastRange(start, end, seq))
    yield* this.withFresh(group, from, undefined, seq, stored)
  }

  /**
   * The same of [from, to), where rows are such that those of some moment can be known to be
   * `whole`: then nothing is looked for among past ones that were replaced since.
   */
  rangeAsOf(
    group: number,
    [from, to]: readonly [from: S, to: S],
    seq: number,
    whole: (rows: readonly (readonly [sub: S, value: V])[]) => boolean,
  ): readonly (readonly [sub: S, value: V])[] {
    const [start] = this.bounds(group, from)
    const end = copyRow(this.keyOf(group, to))
    const live = [...this.liveRange(start, end, seq)]
    const still = live.map(({ key, value }) => [this.sub.of(key), value] as const)
    const stored = whole(still) ? live : merged(live, this.pastRange(start, end, seq))
    return [...this.withFresh(group, from, to, seq, stored)]
  }

  /** Adds what only memory knows to rows of the store. */
  private *withFresh(
    group: number,
    from: S,
    to: S | undefined,
    seq: number,
    stored: Iterable<StoredRow<V>>,
  ): Iterable<[sub: S, value: V]> {
    const slots = this.group(group)
    const fresh = this.freshOf(slots)
    let next = firstNotBelow(fresh, from)
    const end = to === undefined ? fresh.length : firstNotBelow(fresh, to)
    for (const { key, value } of stored) {
      const sub = this.sub.of(key)
      for (; next < end && subAt(fresh, next) < sub; next++) {
        yield* this.presentAsOf(group, subAt(fresh, next), seq)
      }
      if (fresh[next]?.sub === sub) next += 1
      const version = slots?.slots.get(sub)?.at(seq)
      if (version === undefined || version.seq === 0) yield [sub, value]
      else if (version.value !== undefined) yield [sub, version.value]
    }
    for (; next < end; next++) yield* this.presentAsOf(group, subAt(fresh, next), seq)
  }

  private *presentAsOf(group: number, sub: S, seq: number): Iterable<[sub: S, value: V]> {
    const value = this.getAsOf(group, sub, seq)
    if (value !== undefined) yield [sub, value]
  }

  /** The last live row with a key not above `sub`. */
  lastUpTo(group: number, sub: S): [sub: S, value: V] | undefined {
    const slots = this.group(group)
    const fresh = this.freshOf(slots)
    let next = firstAbove(fresh, sub) - 1
    let bound = this.after(group, sub)
    const start = Buffer.alloc(8)
    putGroup(start, group)
    for (;;) {
      const entry = this.live.last(start, bound)
      const stored = entry && this.sub.of(entry.key)
      for (; next >= 0 && (stored === undefined || subAt(fresh, next) >= stored); next--) {
        const value = this.get(group, subAt(fresh, next))
        if (value !== undefined) return [subAt(fresh, next), value]
      }
      if (entry === undefined || stored === undefined) return undefined
      const value = this.get(group, stored)
      if (value !== undefined) return [stored, value]
      bound = Buffer.from(entry.key)
    }
  }

  private after(group: number, sub: S): Buffer {
    return Buffer.concat([this.keyOf(group, sub), Buffer.alloc(1)])
  }
}

function subAt<V, S extends string | number>(sorted: readonly Slot<V>[], at: number): S {
  return (sorted[at] as Slot<V>).sub as S
}

const bySub = <V>(a: Slot<V>, b: Slot<V>): number => (a.sub < b.sub ? -1 : a.sub > b.sub ? 1 : 0)

const seqAt = <V>(slots: readonly Slot<V>[], at: number): number => (slots[at] as Slot<V>).seq

function firstNotBelow<V>(sorted: readonly Slot<V>[], sub: string | number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (subAt(sorted, middle) < sub) low = middle + 1
    else high = middle
  }
  return low
}

function firstAbove<V>(sorted: readonly Slot<V>[], sub: string | number): number {
  const at = firstNotBelow(sorted, sub)
  return sorted[at]?.sub === sub ? at + 1 : at
}

interface Keyed {
  readonly key: Buffer
}

/** Two ascending sequences as one. A key is in force at one moment in at most one of them. */
function* merged<T extends Keyed>(a: Iterable<T>, b: Iterable<T>): Iterable<T> {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()]
  try {
    let [l, r] = [left.next(), right.next()]
    while (!l.done && !r.done) {
      if (Buffer.compare(l.value.key, r.value.key) <= 0) {
        yield l.value
        l = left.next()
      } else {
        yield r.value
        r = right.next()
      }
    }
    for (; !l.done; l = left.next()) yield l.value
    for (; !r.done; r = right.next()) yield r.value
  } finally {
    left.return?.()
    right.return?.()
  }
}
