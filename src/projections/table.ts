/**
 * A projection of any size as a table of rows: values in memory in front of a sorted store.
 *
 * `put` and `delete` change memory at once, stamped with the record that caused them. The follower
 * (another World, usually in another thread, that folds the durable journal) moves the same changes
 * into the store, values that they replace included, so the store never holds what the journal
 * might lose and every past moment stays readable. Values are immutable: a change makes a new one.
 *
 * A slot in memory is the truth. It is dirty while its seq is above `positions.flushed`; only clean
 * slots may be forgotten, which a clock hand does when the table is over its share of memory.
 */

import { giveWay } from '../platform/give-way.ts'
import type { Store, StoreEntry, StoreMap, StoreWriter } from '../store/store.ts'
import { type Digest, hashRow } from './digest.ts'
import { shareOf } from './node-id.ts'
import { pastRowAt, pastVersions } from './past-run.ts'
import { PastWriter } from './past-writer.ts'
import { copyRow, fromOfPastKey, liveKeyOf, pastKey, RowCodec, seqOfRow } from './row-codec.ts'
import { Slot, type Version } from './slot.ts'
import type { Positions, RowVersion, StoredRow, TableSpec } from './table-spec.ts'

const SEQ_MAX = 2 ** 47
const SLOT_WEIGHT = 160
const EVICTION_STEPS = 64
/** Versions of a row that a scan of the past steps over before it looks for the right one. */
const STEPS_PER_ROW = 8

export abstract class Table<V, S extends string | number> {
  readonly spec: TableSpec<V>
  protected readonly positions: Positions
  protected readonly live: StoreMap
  protected readonly past: StoreMap
  protected readonly codec: RowCodec<V>
  /** Only of tables that can be read as of the past. */
  private readonly pastWriter: PastWriter<V> | undefined
  /** Slots that were dirty at the last flush or became so since, each once. */
  private dirty: Slot<V>[] = []
  private readonly ring: Slot<V>[] = []
  /** Of every row that is known to be in no store. */
  private readonly nothing = new Slot<V>(0, 0, undefined, 0)
  private hand = 0
  private weight = 0

  constructor(spec: TableSpec<V>, store: Store, positions: Positions) {
    this.spec = spec
    this.positions = positions
    this.live = store.map(spec.name)
    const past = `${spec.name}@`
    this.past = store.map(past)
    this.codec = new RowCodec(spec.schema)
    this.pastWriter = spec.temporal
      ? new PastWriter(past, this.codec, spec.runs === true)
      : undefined
  }

  protected abstract find(group: number, sub: S): Slot<V> | undefined
  protected abstract keep(slot: Slot<V>): void
  protected abstract forget(slot: Slot<V>): void
  /** A view that is valid until the next call. */
  protected abstract keyOf(group: number, sub: S): Buffer
  /** It is to be flushed, and was not before. */
  protected becameDirty(_slot: Slot<V>): void {}
  /** Whether rows of the group that are not in memory are not in the store either. */
  protected complete(_group: number): boolean {
    return false
  }

  get(group: number, sub: S): V | undefined {
    const slot = this.find(group, sub) ?? this.load(group, sub)
    slot.used = true
    if (slot.seq > this.positions.saw) this.positions.saw = slot.seq
    return slot.value
  }

  /** The record that gave the row its present value; 0 when there is none. */
  seqOf(group: number, sub: S): number {
    return (this.find(group, sub) ?? this.load(group, sub)).seq
  }

  /** `seqOf` for who goes on to say what that value is: it counts as read. */
  seenSeq(group: number, sub: S): number {
    const slot = this.find(group, sub) ?? this.load(group, sub)
    slot.used = true
    if (slot.seq > this.positions.saw) this.positions.saw = slot.seq
    return slot.value === undefined ? 0 : slot.seq
  }

  put(group: number, sub: S, value: V, seq: number): void {
    this.change(group, sub, value, seq)
  }

  /** `put` for a key that has no row now. */
  insert(group: number, sub: S, value: V, seq: number): void {
    const slot = this.find(group, sub)
    if (slot !== undefined) this.changeSlot(slot, value, seq)
    else this.newSlot(group, sub, value, seq).absent = true
  }

  delete(group: number, sub: S, seq: number): void {
    this.change(group, sub, undefined, seq)
  }

  private change(group: number, sub: S, value: V | undefined, seq: number): void {
    const slot = this.find(group, sub)
    if (slot !== undefined) this.changeSlot(slot, value, seq)
    else this.newSlot(group, sub, value, seq).absent = this.complete(group)
  }

  /** What it replaces is in the store, where the follower finds it. */
  private newSlot(group: number, sub: S, value: V | undefined, seq: number): Slot<V> {
    const slot = new Slot(group, sub, value, seq)
    this.admit(slot)
    this.dirty.push(slot)
    this.becameDirty(slot)
    return slot
  }

  private changeSlot(slot: Slot<V>, value: V | undefined, seq: number): void {
    if (slot.seq <= this.positions.flushed) {
      this.dirty.push(slot)
      this.becameDirty(slot)
      slot.older = undefined
    } else if (slot.seq !== seq && this.spec.temporal) {
      slot.older = { value: slot.value, seq: slot.seq, older: slot.older }
    }
    slot.value = value
    slot.seq = seq
    slot.used = true
  }

  private load(group: number, sub: S): Slot<V> {
    if (this.complete(group)) return this.nothing
    const row = this.live.get(this.keyOf(group, sub))
    const slot =
      row === undefined
        ? new Slot<V>(group, sub, undefined, 0)
        : new Slot<V>(group, sub, this.codec.decode(row), seqOfRow(row))
    slot.absent = row === undefined
    this.admit(slot)
    return slot
  }

  private admit(slot: Slot<V>): void {
    slot.weight = SLOT_WEIGHT + (slot.value === undefined ? 0 : this.spec.weightOf(slot.value))
    this.weight += slot.weight
    this.keep(slot)
    this.ring.push(slot)
    if (this.weight > this.spec.memory) this.evict()
  }

  private evict(): void {
    for (let i = 0; i < EVICTION_STEPS && this.weight > this.spec.memory; i++) {
      if (this.hand >= this.ring.length) this.hand = 0
      const slot = this.ring[this.hand] as Slot<V>
      if (slot.used || slot.seq > this.positions.flushed) {
        slot.used = false
        this.hand += 1
        continue
      }
      this.forget(slot)
      this.weight -= slot.weight
      const last = this.ring.pop() as Slot<V>
      if (last !== slot) this.ring[this.hand] = last
    }
  }

  /** The value that was in force right after record `seq`. */
  getAsOf(group: number, sub: S, seq: number): V | undefined {
    const slot = this.find(group, sub)
    const version = slot?.at(seq)
    // An absence that was read from the store says nothing about the past.
    if (version !== undefined && version.seq > 0) return version.value
    const key = this.keyOf(group, sub)
    // A clean slot that is later is the store's live row: that need not be looked at.
    const later = slot !== undefined && slot.seq > seq && slot.seq <= this.positions.flushed
    return (later ? undefined : this.liveAsOf(key, seq)) ?? this.pastAsOf(key, seq)
  }

  private liveAsOf(key: Buffer, seq: number): V | undefined {
    const live = this.live.get(key)
    return live !== undefined && seqOfRow(live) <= seq ? this.codec.decode(live) : undefined
  }

  private pastAsOf(key: Buffer, seq: number): V | undefined {
    const entry = this.past.last(pastKey(key, 0), pastKey(key, seq + 1))
    if (entry === undefined || seqOfRow(entry.value) <= seq) return undefined
    return this.codec.decode(pastRowAt(entry.key, entry.value, seq))
  }

  /**
   * Every value that a row has had up to record `upTo`, as far back as the store reaches; the last
   * one first. Read one at a time, so the caller may wait in between.
   */
  *versions(group: number, sub: S, upTo = SEQ_MAX - 1): Iterable<RowVersion<V>> {
    const key = copyRow(this.keyOf(group, sub))
    let until: number | undefined
    const slot = this.find(group, sub)
    // An absence that was read from the store says nothing about when it began.
    let version: Version<V> | undefined = slot !== undefined && slot.seq > 0 ? slot : undefined
    for (; version !== undefined; version = version.older) {
      const { value, seq: from } = version
      if (value !== undefined && from <= upTo) yield { value, from, until }
      until = from
    }
    const live = this.live.get(key)
    if (live !== undefined && (until === undefined || seqOfRow(live) < until)) {
      const from = seqOfRow(live)
      if (from <= upTo) yield { value: this.codec.decode(live), from, until }
      until = from
    }
    let bound = Math.min(until ?? SEQ_MAX, upTo + 1)
    for (;;) {
      const entry = this.past.last(pastKey(key, 0), pastKey(key, bound))
      if (entry === undefined) return
      for (const { key: past, row } of [...pastVersions(entry.key, entry.value)].reverse()) {
        const from = fromOfPastKey(past)
        if (from >= bound) continue
        bound = from
        yield { value: this.codec.decode(row), from, until: seqOfRow(row) }
      }
    }
  }

  /**
   * Past rows of a range, as a scan of a past moment merges them. What a row has been at other
   * moments, however often it was changed, costs no more than a few steps.
   */
  protected *pastRange(from: Buffer, to: Buffer, seq: number): Iterable<StoredRow<V>> {
    for (let start: Buffer | undefined = from; start !== undefined; ) {
      let row: Buffer | undefined
      let steps = 0
      const rest: Iterable<StoreEntry> = this.past.range(start, to)
      start = undefined
      for (const { key, value } of rest) {
        const live = liveKeyOf(key)
        steps = row?.equals(live) ? steps + 1 : 0
        row = live
        if (fromOfPastKey(key) <= seq && seqOfRow(value) > seq) {
          yield { key: live, value: this.codec.decode(pastRowAt(key, value, seq)) }
        } else if (steps === STEPS_PER_ROW) {
          const there = fromOfPastKey(key) > seq ? undefined : this.pastAsOf(live, seq)
          if (there !== undefined) yield { key: live, value: there }
          start = pastKey(live, SEQ_MAX)
          break
        }
      }
    }
  }

  /** Live rows of a range that were in force at `seq` already. */
  protected *liveRange(from: Buffer, to: Buffer, seq: number): Iterable<StoredRow<V>> {
    for (const { key, value } of this.live.range(from, to)) {
      if (seqOfRow(value) <= seq) yield { key, value: this.codec.decode(value) }
    }
  }

  /** Drops what the store has from the versions in memory. */
  onFlushed(): void {
    const { flushed } = this.positions
    let kept = 0
    for (const slot of this.dirty) {
      slot.forgetUpTo(flushed)
      if (slot.seq > flushed) {
        slot.absent = false
        this.dirty[kept++] = slot
      } else {
        slot.absent = slot.value === undefined
      }
    }
    this.dirty.length = kept
    if (this.weight > this.spec.memory) this.evict()
  }

  /** The store has no such rows any more, and nobody can ask for them: see Pruner. */
  erase(gone: (group: number) => boolean): void {
    for (const slot of this.ring) {
      if (!gone(slot.group) || slot.seq > this.positions.flushed) continue
      slot.value = undefined
      slot.seq = 0
      slot.older = undefined
      slot.absent = true
    }
  }

  dirtyCount(): number {
    return this.dirty.length
  }

  memoryWeight(): number {
    return this.weight
  }

  /** The follower's part: moves all changes into the store, and the digests along. */
  flushTo(writer: StoreWriter, digests: (share: number) => Digest): void {
    // In the order of their keys: a store that is a tree finds the next where it found the last.
    this.dirty.sort(byKey)
    for (const slot of this.dirty) {
      this.flushSlot(slot, writer, digests)
      giveWay()
    }
  }

  private flushSlot(slot: Slot<V>, writer: StoreWriter, digests: (s: number) => Digest): void {
    const key = this.keyOf(slot.group, slot.sub as S)
    const stored = this.storedRow(slot, key)
    const digest = this.spec.digested ? digests(shareOf(slot.group)) : undefined
    if (stored !== undefined) digest?.subtract(hashRow(this.spec.id, key, stored))
    this.pastWriter?.keep(slot, key, stored, writer)
    if (slot.value === undefined) {
      if (stored !== undefined) writer.remove(this.spec.name, key)
      return
    }
    const row = this.codec.encode(slot.seq, slot.value)
    digest?.add(hashRow(this.spec.id, key, row))
    writer.put(this.spec.name, key, row)
  }

  private storedRow(slot: Slot<V>, key: Buffer): Buffer | undefined {
    if (slot.absent) return undefined
    const view = this.live.get(key)
    return view && copyRow(view)
  }

  /** What the digests would be if all of this memory were flushed now. */
  digestInto(digests: (share: number) => Digest): void {
    if (!this.spec.digested) return
    for (const slot of this.dirty) {
      const key = copyRow(this.keyOf(slot.group, slot.sub as S))
      const digest = digests(shareOf(slot.group))
      const stored = this.storedRow(slot, key)
      if (stored !== undefined) digest.subtract(hashRow(this.spec.id, key, stored))
      if (slot.value === undefined) continue
      digest.add(hashRow(this.spec.id, key, this.codec.encode(slot.seq, slot.value)))
    }
  }

  /** Clean slots that do not equal the store's row: always none, or a fold has gone wrong. */
  *divergences(): Iterable<string> {
    for (const slot of this.ring) {
      if (slot.seq > this.positions.flushed) continue
      const key = copyRow(this.keyOf(slot.group, slot.sub as S))
      const stored = this.live.get(key)
      const expected =
        slot.value === undefined ? undefined : this.codec.encode(slot.seq, slot.value)
      const same = stored === undefined ? expected === undefined : expected?.equals(copyRow(stored))
      if (same !== true) yield `${this.spec.name} ${slot.group}/${slot.sub}`
    }
  }
}

function byKey<V>(a: Slot<V>, b: Slot<V>): number {
  if (a.group !== b.group) return a.group - b.group
  if (a.sub === b.sub) return 0
  return (a.sub as number) < (b.sub as number) ? -1 : 1
}
