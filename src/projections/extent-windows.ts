import { type Extent, isHole } from '../journal/fields.ts'
import { MiB } from '../platform/limits.ts'
import { slice } from './extent-slice.ts'

/** The bytes of a file whose extents are kept together. A multiple of BLOCK_MAX. */
const WINDOW = 4 * MiB
export const EXTENT_WEIGHT = 120
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
    const window: Window = { group, index, low, high, extents, used: true }
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
    if (left === undefined && right === undefined) extents[at] = extent
    else if (isHole(old)) return undefined
    else if (right === undefined) extents.splice(at, 1, left as Extent, extent)
    else if (left === undefined) extents.splice(at, 1, extent, right)
    else extents.splice(at, 1, left, extent, right)
    if (left !== undefined) this.weight += EXTENT_WEIGHT
    if (right !== undefined) this.weight += EXTENT_WEIGHT
    return { old, left, right }
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
    const { extents, low, high } = window
    const here = added.filter(({ offset, length }) => offset < high && offset + length > low)
    const first = firstEndingAfter(window, start)
    let past = first
    while (past < extents.length && (extents[past] as Extent).offset < end) past += 1
    this.weight -= weightOf(window)
    extents.splice(first, past - first, ...here)
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
 * at random, so that it is about as far among them as the offset is in the window: looking at few
 * of them counts, since they lie anywhere in memory.
 */
function firstEndingAfter({ extents, low }: Window, offset: number): number {
  let [first, past] = [0, extents.length]
  const last = extents[past - 1]
  // Where the extents of [first, past) lie.
  let [from, to] = [low, last === undefined ? low : last.offset + last.length]
  if (offset >= to) return past
  if (offset < from) return 0
  for (let guesses = GUESSES; first < past; guesses--) {
    const part = guesses > 0 ? (offset - from) / (to - from) : 0.5
    const at = Math.min(past - 1, first + Math.floor((past - first) * part))
    const extent = extents[at] as Extent
    const end = extent.offset + extent.length
    if (end <= offset) {
      first = at + 1
      from = end
    } else if (extent.offset > offset) {
      past = at
      to = extent.offset
    } else {
      return at
    }
  }
  return first
}
