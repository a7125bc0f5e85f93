/**
 * Which bytes of a file lie in which block. A file's extents cover [0, size) without gap or
 * overlap; a range that no extent covers is damage to report, never zeros to invent.
 *
 * Two rules bound the work, also of looking at a past moment: an extent of data never crosses a
 * multiple of BLOCK_MAX, and a hole is stored as aligned powers of two (as a buddy allocator cuts),
 * so that the one over a given offset has one of some fifty possible keys.
 */
import { type Extent, isHole } from '../journal/fields.ts'
import { BLOCK_MAX, MiB } from '../platform/limits.ts'
import { slice } from './extent-slice.ts'
import { type ContentDelta, countExtent, ExtentCount } from './extent-sums.ts'
import { ExtentWindows } from './extent-windows.ts'
import type { GroupTable } from './group-table.ts'
import type { ExtentRow } from './rows.ts'

type Row = readonly [offset: number, extent: ExtentRow]

const MAX_SCAN_THROUGH_WINDOWS = 16 * MiB

export class ExtentMap {
  private readonly table: GroupTable<ExtentRow, number>
  private readonly windows: ExtentWindows
  private counting: ExtentCount | undefined

  constructor(table: GroupTable<ExtentRow, number>, memory: number) {
    this.table = table
    this.windows = new ExtentWindows(memory, (group, from, to) => this.scan(group, from, to))
  }

  /** Live extents that overlap [from, to), ascending. */
  overlapping(group: number, from: number, to: number): readonly Extent[] {
    if (to - from > MAX_SCAN_THROUGH_WINDOWS) return this.scan(group, from, to)
    return this.windows.overlapping(group, from, to)
  }

  /** Those that overlap [from, to), when they are no more than `most`; looking costs no more. */
  few(group: number, from: number, to: number, most: number): readonly Extent[] | undefined {
    const found = this.scan(group, from, to, most + 1)
    return found.length > most ? undefined : found
  }

  private scan(group: number, from: number, to: number, most = Number.POSITIVE_INFINITY): Extent[] {
    const found: Extent[] = []
    const before = this.table.lastUpTo(group, from)
    if (before !== undefined && before[0] + before[1].length > from) found.push(extentOf(before))
    const start = before === undefined ? from : Math.max(from, before[0] + 1)
    for (const row of this.table.from(group, start)) {
      if (row[0] >= to || found.length === most) break
      found.push(extentOf(row))
    }
    return found
  }

  /** The same as it was right after record `seq`; `to` is not behind the end that it had then. */
  overlappingAsOf(group: number, from: number, to: number, seq: number): readonly Extent[] {
    if (from >= to) return []
    // Data that reaches into the range begins less than a block before it.
    const start = from - (from % BLOCK_MAX)
    // Most files are one extent.
    const first = this.table.getAsOf(group, start, seq)
    if (first !== undefined && start + first.length >= to) return [extentOf([start, first])]
    const covers = (rows: readonly Row[]) => isCovered(rows, from, to)
    const rows = this.table.rangeAsOf(group, [start, to], seq, covers)
    const found = rows.filter(([offset, { length }]) => offset + length > from).map(extentOf)
    if ((found[0]?.offset ?? to) <= from) return found
    const hole = this.holeOverAsOf(group, from, seq)
    return hole === undefined ? found : [hole, ...found]
  }

  /** The hole over `offset`: its key is the offset with some of its low bits cleared. */
  private holeOverAsOf(group: number, offset: number, seq: number): Extent | undefined {
    let tried = -1
    for (let size = 1; size <= Number.MAX_SAFE_INTEGER; size *= 2) {
      const start = offset - (offset % size)
      if (start === tried) continue
      tried = start
      const row = this.table.getAsOf(group, start, seq)
      if (row !== undefined && row.block === '' && start + row.length > offset) {
        return extentOf([start, row])
      }
      if (start === 0) break
    }
    return undefined
  }

  /** Forgets what is kept in memory of extent maps that are gone. */
  erase(gone: (group: number) => boolean): void {
    this.table.erase(gone)
    this.windows.erase(gone)
  }

  /**
   * Folds new extents over the old ones, and cuts what lies behind `size`. `oldSize` is where the
   * file ended before; what a cut has left behind it counts no more.
   */
  replace(
    group: number,
    extents: readonly Extent[],
    oldSize: number,
    size: number,
    seq: number,
  ): ContentDelta {
    const delta: ContentDelta = { used: 0, a: 0, b: 0 }
    let end = oldSize
    for (const extent of extents) {
      const to = extent.offset + extent.length
      this.exchange(group, [extent.offset, to], extent, end, seq, delta)
      end = Math.max(end, to)
    }
    if (size < oldSize) this.exchange(group, [size, oldSize], undefined, end, seq, delta)
    return delta
  }

  /**
   * Goes on to count what begins in [from, end) of a map, `most` extents at a time, while it may
   * change; true when all are counted. One count is under way at a time.
   */
  count(group: number, from: number, end: number, most: number): boolean {
    if (this.counting?.group !== group || this.counting.from !== from) {
      this.counting = new ExtentCount(group, from)
    }
    const { counting } = this
    let left = most
    for (const row of this.table.from(group, counting.at)) {
      if (row[0] >= end) break
      if (left === 0) return false
      left -= 1
      countExtent(counting.sums, extentOf(row), 1)
      counting.at = row[0] + 1
    }
    counting.at = Math.max(counting.at, end)
    return true
  }

  /** What a file that ends at `end` loses when it is cut at `size`; costs what is not counted. */
  cutOff(group: number, size: number, end: number): ContentDelta {
    this.count(group, size, end, Number.POSITIVE_INFINITY)
    const lost = { ...(this.counting as ExtentCount).sums }
    const across = this.across(group, size)
    if (across === undefined) return lost
    countExtent(lost, across, 1)
    const kept: Extent[] = []
    addPieces(kept, slice(across, across.offset, size))
    for (const piece of kept) countExtent(lost, piece, -1)
    return lost
  }

  private across(group: number, offset: number): Extent | undefined {
    const row = this.table.lastUpTo(group, offset)
    if (row === undefined || row[0] === offset) return undefined
    return row[0] + row[1].length > offset ? extentOf(row) : undefined
  }

  /** Ends the extent that lies across `size` there. What is behind it stays, to be swept. */
  cut(group: number, size: number, seq: number): void {
    this.counting = undefined
    const across = this.across(group, size)
    if (across === undefined) return
    const to = across.offset + across.length
    this.exchange(group, [size, to], undefined, to, seq, { used: 0, a: 0, b: 0 })
  }

  /** Where the first `most` of the extents that begin in [from, end) end. */
  sweepEnd(group: number, from: number, end: number, most: number): number {
    let left = most
    for (const [offset] of this.table.from(group, from)) {
      if (offset >= end) break
      if (left === 0) return offset
      left -= 1
    }
    return end
  }

  /** Deletes what begins in [from, to), which is no file's. */
  sweep(group: number, from: number, to: number, seq: number): void {
    const gone: Extent[] = []
    for (const row of this.table.from(group, from)) {
      if (row[0] >= to) break
      gone.push(extentOf(row))
    }
    for (const { offset } of gone) this.table.delete(group, offset, seq)
    this.windows.exchange(group, from, to, gone, [])
  }

  /** `end`: where the file ends. What lies behind it is not counted when it goes. */
  private exchange(
    group: number,
    [from, to]: readonly [from: number, to: number],
    extent: Extent | undefined,
    end: number,
    seq: number,
    delta: ContentDelta,
  ): void {
    if (extent !== undefined && this.replaceOne(group, extent, end, seq, delta)) return
    const removed = this.overlapping(group, from, to)
    const added: Extent[] = []
    const [first, last] = [removed[0], removed.at(-1)]
    if (first !== undefined && first.offset < from)
      addPieces(added, slice(first, first.offset, from))
    if (extent !== undefined) addPieces(added, extent)
    for (const piece of added) this.tally(group, delta, piece, 1)
    if (last !== undefined && last.offset + last.length > to) {
      const rest: Extent[] = []
      addPieces(rest, slice(last, to, last.offset + last.length))
      if (last.offset < end) for (const piece of rest) this.tally(group, delta, piece, 1)
      added.push(...rest)
    }
    for (const gone of removed) {
      if (gone.offset < end) this.tally(group, delta, gone, -1)
      this.table.delete(group, gone.offset, seq)
    }
    for (const piece of added) this.table.put(group, piece.offset, piece, seq)
    this.windows.exchange(group, from, to, removed, added)
  }

  /**
   * What most writes are: data over one extent, or over a part of one. False, and nothing is done,
   * when it is not so.
   */
  private replaceOne(
    group: number,
    extent: Extent,
    end: number,
    seq: number,
    delta: ContentDelta,
  ): boolean {
    // A hole that is put over a hole may have to be cut.
    const replaced = isHole(extent) ? undefined : this.windows.replace(group, extent)
    if (replaced === undefined) return false
    const { old, left, right } = replaced
    const counted = old.offset < end
    if (counted) this.tally(group, delta, old, -1)
    this.tally(group, delta, extent, 1)
    if (left === undefined) {
      this.table.put(group, extent.offset, extent, seq)
    } else {
      this.tally(group, delta, left, 1)
      this.table.put(group, left.offset, left, seq)
      this.table.insert(group, extent.offset, extent, seq)
    }
    if (right === undefined) return true
    if (counted) this.tally(group, delta, right, 1)
    this.table.insert(group, right.offset, right, seq)
    return true
  }

  private tally(group: number, delta: ContentDelta, extent: Extent, sign: 1 | -1): void {
    countExtent(delta, extent, sign)
    this.counting?.changed(group, extent, sign)
  }
}

/** Whether rows, ascending, leave no gap in [from, to). */
function isCovered(rows: readonly Row[], from: number, to: number): boolean {
  let end = from
  for (const [offset, { length }] of rows) {
    if (offset > end) return false
    end = Math.max(end, offset + length)
  }
  return end >= to
}

const extentOf = ([offset, { length, block, blockOffset }]: readonly [number, ExtentRow]) => ({
  offset,
  length,
  block,
  blockOffset,
})

function addPieces(pieces: Extent[], extent: Extent): void {
  if (!isHole(extent)) {
    pieces.push(extent)
    return
  }
  let { offset, length } = extent
  while (length > 0) {
    let size = 1
    while (offset % (size * 2) === 0 && size * 2 <= length) size *= 2
    pieces.push({ offset, length: size, block: '', blockOffset: 0 })
    offset += size
    length -= size
  }
}
