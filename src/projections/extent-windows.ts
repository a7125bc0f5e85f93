import type { Extent } from '../journal/fields.ts'
import { MiB } from '../platform/limits.ts'

/** The bytes of a file whose extents are kept together. A multiple of BLOCK_MAX. */
const WINDOW = 4 * MiB
export const EXTENT_WEIGHT = 120
export const WINDOW_WEIGHT = 200
const EVICTION_STEPS = 32

interface Window {
  readonly group: number
  readonly index: number
  /** All that overlap the window, ascending. */
  readonly extents: Extent[]
  used: boolean
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
      const { extents } = this.window(group, index)
      for (let i = firstEndingAfter(extents, from); i < extents.length; i++) {
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
    const extents = this.load(group, index * WINDOW, (index + 1) * WINDOW)
    const window: Window = { group, index, extents, used: true }
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
   * Puts `extent` in the place of one over the same range, which it returns; undefined when there
   * is none, or it reaches into several windows.
   */
  replace(group: number, extent: Extent): Extent | undefined {
    const { offset, length } = extent
    const index = Math.floor(offset / WINDOW)
    if (Math.floor((offset + length - 1) / WINDOW) !== index) return undefined
    const { extents } = this.window(group, index)
    const at = placeOf(extents, offset, length, index * WINDOW)
    const old = extents[at]
    if (old === undefined || old.offset !== offset || old.length !== length) return undefined
    extents[at] = extent
    return old
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
    const { extents } = window
    const low = window.index * WINDOW
    const high = low + WINDOW
    const here = added.filter(({ offset, length }) => offset < high && offset + length > low)
    const first = firstEndingAfter(extents, start)
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

/** `firstEndingAfter`, guessed: files that are written in small pieces have them of one size. */
function placeOf(extents: readonly Extent[], offset: number, length: number, low: number): number {
  const guess = Math.floor((offset - low) / length)
  return extents[guess]?.offset === offset ? guess : firstEndingAfter(extents, offset)
}

/** The first extent that reaches behind `offset`. */
function firstEndingAfter(extents: readonly Extent[], offset: number): number {
  let [low, high] = [0, extents.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const extent = extents[middle] as Extent
    if (extent.offset + extent.length <= offset) low = middle + 1
    else high = middle
  }
  return low
}
