/**
 * Small blocks that were just written, one behind the other in memory that is used again and
 * again: to allocate some for each would cost more than the write does (fresh pages, and a
 * collection of the whole heap for every 64 MiB). The oldest makes room for the newest.
 *
 * A block has no object of its own, which would live just long enough to be copied into the old
 * part of the heap. What is known of it stands in arrays, at the number of the unit of memory in
 * which it begins: its slot.
 */
import { IdMap } from './id-map.ts'

/** Bytes. Blocks begin on multiples of it, so that there are no more of them than arrays have. */
export const UNIT = 512

const unitsOf = (length: number): number => Math.ceil(length / UNIT)

export class FreshRing {
  private readonly memory: Buffer
  private readonly onLeave: (id: string, bytes: Buffer) => void
  private readonly slots = new IdMap<number>()
  private readonly ids: string[]
  /** Of the block that begins in a unit; 0 where none does. */
  private readonly lengths: Uint32Array
  /** While somebody counts on a block, it stays. */
  private readonly pins: Uint32Array
  /** 1: it was read. */
  private readonly used: Uint8Array
  private readonly units: number
  /** Slot of the oldest block, if there is one. */
  private oldest = 0
  /** The unit behind the newest. */
  private head = 0
  /** Units that were ever in use. */
  private touched = 0

  /**
   * `size`: bytes. `onLeave` hears of each block that makes room and was read since it was written,
   * while its bytes are still there: they are overwritten when it returns.
   */
  constructor(size: number, onLeave: (id: string, bytes: Buffer) => void) {
    this.units = Math.floor(size / UNIT)
    this.memory = Buffer.allocUnsafeSlow(this.units * UNIT)
    this.onLeave = onLeave
    this.ids = new Array<string>(this.units).fill('')
    this.lengths = new Uint32Array(this.units)
    this.pins = new Uint32Array(this.units)
    this.used = new Uint8Array(this.units)
  }

  get bytes(): number {
    return this.touched * UNIT
  }

  /** The slot of a block; undefined when it is not here. It is good until the next `keep`. */
  find(id: string): number | undefined {
    return this.slots.get(id)
  }

  /**
   * Copies the bytes of a block that is not here, and returns its slot. Undefined: what is in the
   * way is pinned, or the bytes are too many.
   */
  keep(id: string, bytes: Buffer): number | undefined {
    const count = unitsOf(bytes.length)
    if (count === 0 || count > this.units) return undefined
    const toEnd = this.units - this.head
    // In one piece: what does not fit before the end begins at the start.
    const fits = count <= toEnd
    if (!this.makeRoom(fits ? count : toEnd + count)) return undefined
    const slot = fits ? this.head : 0
    if (this.slots.size === 0) this.oldest = slot
    bytes.copy(this.memory, slot * UNIT)
    this.slots.set(id, slot)
    this.ids[slot] = id
    this.lengths[slot] = bytes.length
    this.used[slot] = 0
    const end = slot + count
    this.touched = Math.max(this.touched, end)
    this.head = end === this.units ? 0 : end
    return slot
  }

  /** Frees the `count` units at the head, or all. False: one of them is pinned. */
  private makeRoom(count: number): boolean {
    while (this.slots.size > 0 && this.free() < count) {
      if (this.isPinned(this.oldest)) return false
      this.dropOldest()
    }
    return true
  }

  /** Units from the head to the oldest block. */
  private free(): number {
    const free = this.oldest - this.head
    return free >= 0 ? free : free + this.units
  }

  private dropOldest(): void {
    const slot = this.oldest
    const id = this.ids[slot] as string
    const length = this.lengths[slot] as number
    if (this.used[slot] === 1) this.onLeave(id, this.view(slot))
    this.slots.delete(id)
    this.ids[slot] = ''
    this.lengths[slot] = 0
    const next = slot + unitsOf(length)
    // Where none begins, the rest up to the end was too small for the next one.
    this.oldest = next < this.units && this.lengths[next] !== 0 ? next : 0
  }

  /** The bytes of a block where they lie: they stay while it is pinned. */
  view(slot: number): Buffer {
    const at = slot * UNIT
    return this.memory.subarray(at, at + (this.lengths[slot] as number))
  }

  /** A copy of bytes [offset, offset + length) of a block, which counts as read from now on. */
  read(slot: number, offset: number, length: number): Buffer {
    this.used[slot] = 1
    const bytes = this.lengths[slot] as number
    const start = Math.min(offset, bytes)
    const end = Math.min(offset + length, bytes)
    const copy = Buffer.allocUnsafe(end - start)
    this.memory.copy(copy, 0, slot * UNIT + start, slot * UNIT + end)
    return copy
  }

  pin(slot: number): void {
    this.pins[slot] = (this.pins[slot] as number) + 1
  }

  unpin(slot: number): void {
    if (this.isPinned(slot)) this.pins[slot] = (this.pins[slot] as number) - 1
  }

  isPinned(slot: number): boolean {
    return (this.pins[slot] as number) > 0
  }
}
