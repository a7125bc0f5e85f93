import { type Extent, isHole } from '../journal/fields.ts'
import { MiB } from '../platform/limits.ts'
import { slice } from './extent-slice.ts'

/** The bytes of a file whose extents are kept together. A multiple of BLOCK_MAX. */
const WINDOW = 4 * MiB
export const EXTENT_WEIGHT = 128
export const WINDOW_WEIGHT = 200
const EVICTION_STEPS = 32
/** Steps of a search that guess. */
const GUESSES = 6

interface Window {
  readonly group: number
  readonly index: number
  /** The bytes [low, high) of the file. */
  readonly low: number
  readonly high: number
  /** All that overlap the window, ascending. */
  readonly extents: Extent[]
  /** Where they begin: a search that looked at the extents would find each far from the others. */
  readonly offsets: number[]
  used: boolean
}

/** An extent that has given way, and what stays of it on both sides. */
export interface Replaced {
  readonly old: Extent
  readonly left: Extent | undefined
  readonly right: Extent | undefined
}

type Load = (group: number, from: number, to: number) => Extent[]

/** Decoded extents around where files are read and written, so that a small read finds its block
 *  without the store. Bounded by bytes; the table behind it is the truth. */
export class ExtentWindows {
  private readonly groups = new Map<number, Map<number, Window>>()
  private readonly ring: Window[] = []
  private readonly memory: number
  private readonly load: Load
  private weight = 0
  private hand = 0

  constructor(memory: number, load: Load) {
    this.memory = memory
    this.load = load
  }

  overlapping(group: number, from: number, to: number): readonly Extent[] {
    const first = Math.floor(from / WINDOW)
    const last = Math.floor((to - 1) / WINDOW)
    const found: Extent[] = []
    for (let index = first; index <= last; index++) {
      const window = this.window(group, index)
      const { extents } = window
      for (let i = firstEndingAfter(window, from); i < extents.length; i++) {
        const extent = extents[i] as Extent
        if (extent.offset >= to) break
        if (found.at(-1)?.offset !== extent.offset) found.push(extent)
      }
    }
    return found
  }

  private window(group: number, index: number): Window {
    const known = this.groups.get(group)?.get(index)
    if (known !== undefined) {
      known.used = true
      return known
    }
    const low = index * WINDOW
    const high = low + WINDOW
    const extents = this.load(group, low, high)
    const offsets = extents.map(({ offset }) => offset)
    const window: Window = { group, index, low, high, extents, offsets, used: true }
    let windows = this.groups.get(group)
    if (windows === undefined) {
      windows = new Map()
      this.groups.set(group, windows)
    }
    windows.set(index, window)
    this.ring.push(window)
    this.weight += weightOf(window)
    this.evict()
    return window
  }

  /**
   * Puts data over the one extent that covers its range. Undefined, and nothing is done, when none
   * does, or it takes more: a hole is cut by rules of its own, and may reach into other windows.
   */
  replace(group: number, extent: Extent): Replaced | undefined {
    const { offset } = extent
    const end = offset + extent.length
    const window = this.window(group, Math.floor(offset / WINDOW))
    const { extents, low, high } = window
    const at = firstEndingAfter(window, offset)
    const old = extents[at]
    if (old === undefined || old.offset > offset) return undefined
    const oldEnd = old.offset + old.length
    if (oldEnd < end || old.offset < low || oldEnd > high) return undefined
    const left = old.offset < offset ? slice(old, old.offset, offset) : undefined
    const right = end < oldEnd ? slice(old, end, oldEnd) : undefined
    if ((left !== undefined || right !== undefined) && isHole(old)) return undefined
    let place = at
    if (left !== undefined) {
      extents[at] = left
      place = at + 1
      this.insert(window, place, extent)
    } else extents[at] = extent
    if (right !== undefined) this.insert(window, place + 1, right)
    return { old, left, right }
  }

  private insert({ extents, offsets }: Window, at: number, extent: Extent): void {
    extents.splice(at, 0, extent)
    offsets.splice(at, 0, extent.offset)
    this.weight += EXTENT_WEIGHT
  }

  /** What overlapped [from, to) has given way to `added`, remainders included. */
  exchange(
    group: number,
    from: number,
    to: number,
    removed: readonly Extent[],
    added: readonly Extent[],
  ): void {
    const windows = this.groups.get(group)
    if (windows === undefined) return
    const start = Math.min(from, removed[0]?.offset ?? from)
    const last = removed.at(-1)
    const end = Math.max(to, last === undefined ? to : last.offset + last.length)
    const [firstIndex, lastIndex] = [Math.floor(start / WINDOW), Math.floor((end - 1) / WINDOW)]
    if (lastIndex - firstIndex > 2) {
      // A large hole was cut: its windows are as many as it is long. They are read again.
      for (const window of [...windows.values()]) {
        if (window.index >= firstIndex && window.index <= lastIndex) this.drop(window)
      }
      return
    }
    for (let index = firstIndex; index <= lastIndex; index++) {
      const window = windows.get(index)
      if (window !== undefined) this.splice(window, start, end, added)
    }
  }

  private splice(window: Window, start: number, end: number, added: readonly Extent[]): void {
    const { extents, offsets, low, high } = window
    const here = added.filter(({ offset, length }) => offset < high && offset + length > low)
    const first = firstEndingAfter(window, start)
    let past = first
    while (past < offsets.length && (offsets[past] as number) < end) past += 1
    this.weight -= weightOf(window)
    extents.splice(first, past - first, ...here)
    offsets.splice(first, past - first, ...here.map(({ offset }) => offset))
    this.weight += weightOf(window)
  }

  private drop(window: Window): void {
    const windows = this.groups.get(window.group)
    windows?.delete(window.index)
    if (windows?.size === 0) this.groups.delete(window.group)
    const at = this.ring.indexOf(window)
    const last = this.ring.pop()
    if (last !== undefined && last !== window) this.ring[at] = last
    this.weight -= weightOf(window)
  }

  erase(gone: (group: number) => boolean): void {
    for (const window of [...this.ring]) if (gone(window.group)) this.drop(window)
  }

  private evict(): void {
    for (let i = 0; i < EVICTION_STEPS && this.weight > this.memory && this.ring.length > 1; i++) {
      if (this.hand >= this.ring.length) this.hand = 0
      const window = this.ring[this.hand] as Window
      if (window.used) {
        window.used = false
        this.hand += 1
      } else {
        this.drop(window)
      }
    }
  }
}

const weightOf = ({ extents }: Window): number => WINDOW_WEIGHT + EXTENT_WEIGHT * extents.length

/**
 * The first extent that reaches behind `offset`. Extents are mostly of one size, or have been cut
 * at random, so that it is about as far among them as the offset is in the window.
 */
function firstEndingAfter({ extents, offsets, high }: Window, offset: number): number {
  let from = offsets[0]
  if (from === undefined || from > offset) return 0
  let to = high
  // The one at `first` begins at `from`, not behind the offset; the one at `past` does, at `to`.
  let first = 0
  let past = offsets.length
  for (let guesses = GUESSES; past - first > 1; guesses--) {
    const part = guesses > 0 ? (offset - from) / (to - from) : 0.5
    const guess = first + Math.floor((past - first) * part)
    const at = Math.max(first + 1, Math.min(past - 1, guess))
    const begins = offsets[at] as number
    if (begins <= offset) {
      first = at
      from = begins
    } else {
      past = at
      to = begins
    }
  }
  const extent = extents[first] as Extent
  return extent.offset + extent.length > offset ? first : first + 1
}
