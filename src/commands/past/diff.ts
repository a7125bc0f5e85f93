/**
 * What happened to a share between two moments: its cost is that of the records in between, not of
 * the tree. Paths are as of the moment that they are of.
 */
import type { Event } from '../../journal/events.ts'
import type { Extent } from '../../journal/fields.ts'
import type { Frame } from '../../journal/frame.ts'
import { recordsOf } from '../../journal/frame.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import { pathOf, type TreeView } from '../../projections/tree-view.ts'
import type { World } from '../../projections/world.ts'
import { readable } from './share-path.ts'

export interface ByteRange {
  readonly offset: number
  readonly length: number
}

export type Difference =
  | { readonly kind: 'added' | 'removed'; readonly path: string; readonly type: string }
  | {
      readonly kind: 'renamed'
      readonly from: string
      readonly path: string
      readonly type: string
    }
  | {
      readonly kind: 'modified'
      readonly path: string
      readonly type: string
      readonly size: { readonly from: number; readonly to: number }
      /** Where other blocks lie than before. */
      readonly ranges: readonly ByteRange[]
      readonly attributes: readonly string[]
    }

export interface DiffOptions {
  readonly world: World
  readonly share: number
  /** Records after which the two moments are. */
  readonly from: number
  readonly to: number
  readonly frames: AsyncIterable<Frame>
  readonly pause: () => Promise<void>
}

/** Objects looked at in one difference: more than that is asked for in parts. */
const TOUCHED_MAX = 1_000_000
const RANGES_MAX = 10_000

/** Too much happened in between. */
export class TooMuchError extends Error {
  override readonly name = 'TooMuchError'
}

export async function* diff(options: DiffOptions): AsyncIterable<Difference> {
  const { world, share, from, to, pause } = options
  const touched = await touchedBetween(options)
  const [old, now] = [world.asOf(share, from), world.asOf(share, to)]
  let looked = 0
  for (const [key, ino] of touched.entries) {
    looked += 1
    if (looked % 1000 === 0) await pause()
    const difference = entryDifference(touched, old, now, key, ino)
    if (difference !== undefined) yield difference
  }
  for (const ino of touched.inodes) {
    looked += 1
    if (looked % 1000 === 0) await pause()
    const difference = inodeDifference(old, now, ino)
    if (difference !== undefined) yield difference
  }
}

interface Touched {
  /** `dir/name` of entries, each with an inode that it was about. */
  readonly entries: Map<string, number>
  readonly inodes: Set<number>
}

async function touchedBetween({ share, from, to, frames, pause }: DiffOptions): Promise<Touched> {
  const touched: Touched = { entries: new Map(), inodes: new Set() }
  for await (const frame of frames) {
    if (frame.firstSeq > to) break
    for (const record of recordsOf(frame)) {
      if (record.seq <= from || record.seq > to || record.share !== share) continue
      for (const event of record.events) touch(touched, event)
    }
    if (touched.entries.size + touched.inodes.size > TOUCHED_MAX) {
      throw new TooMuchError(`more than ${TOUCHED_MAX} objects changed between the two moments`)
    }
    await pause()
  }
  return touched
}

const entryKey = (dir: number, name: string): string => `${dir}/${name}`

function touch({ entries, inodes }: Touched, event: Event): void {
  if (event.type === 'EntryRenamed') {
    entries.set(entryKey(event.fromDir, event.fromName), event.ino)
    entries.set(entryKey(event.toDir, event.toName), event.ino)
  } else if ('dir' in event && 'name' in event) {
    entries.set(entryKey(event.dir, event.name), event.ino)
  } else if ('ino' in event) {
    inodes.add(event.ino)
  }
}

const types = new Map<number, string>(Object.entries(fileKind).map(([name, n]) => [n, name]))
const typeOf = (inode: Inode | undefined): string => types.get(inode?.kind ?? 0) ?? 'unknown'

function split(key: string): [dir: number, name: string] {
  const at = key.indexOf('/')
  return [Number(key.slice(0, at)), key.slice(at + 1)]
}

function entryPath(view: TreeView, dir: number, name: string): string {
  const parent = pathOf(view, dir) ?? `(directory ${dir})`
  return readable(`${parent === '/' ? '' : parent}/${name}`)
}

function entryDifference(
  touched: Touched,
  old: TreeView,
  now: TreeView,
  key: string,
  ino: number,
): Difference | undefined {
  const [dir, name] = split(key)
  const [before, after] = [old.entry(dir, name)?.ino, now.entry(dir, name)?.ino]
  if (before === after) return undefined
  if (after !== undefined) {
    const path = entryPath(now, dir, name)
    const type = typeOf(now.inode(after))
    const from = movedFrom(touched, old, now, after)
    return from === undefined
      ? { kind: 'added', path, type }
      : { kind: 'renamed', from, path, type }
  }
  const gone = before ?? ino
  // Where it went, the other name says that it was renamed.
  if (now.inode(gone) !== undefined && movedFrom(touched, old, now, gone) !== undefined) {
    return undefined
  }
  return { kind: 'removed', path: entryPath(old, dir, name), type: typeOf(old.inode(gone)) }
}

/** The path that an object had before, when it has lost it since. */
function movedFrom(
  { entries }: Touched,
  old: TreeView,
  now: TreeView,
  ino: number,
): string | undefined {
  const before = old.inode(ino)
  if (before === undefined) return undefined
  const name = old.listing(before.parent, before.cookie)?.name
  if (name === undefined || !entries.has(entryKey(before.parent, name))) return undefined
  if (now.entry(before.parent, name)?.ino === ino) return undefined
  return entryPath(old, before.parent, name)
}

function inodeDifference(old: TreeView, now: TreeView, ino: number): Difference | undefined {
  const [before, after] = [old.inode(ino), now.inode(ino)]
  if (before === undefined || after === undefined) return undefined
  const attributes = changedAttributes(before, after)
  const ranges = contentChanged(before, after) ? changedRanges(old, now, before, after) : []
  const sameSize = before.size === after.size
  if (attributes.length === 0 && ranges.length === 0 && sameSize) return undefined
  const path = readable(pathOf(now, ino) ?? `(inode ${ino})`)
  const size = { from: before.size, to: after.size }
  return { kind: 'modified', path, type: typeOf(after), size, ranges, attributes }
}

function changedAttributes(before: Inode, after: Inode): string[] {
  const changed: string[] = []
  for (const name of ['mode', 'uid', 'gid', 'target'] as const) {
    if (before[name] !== after[name]) changed.push(name)
  }
  return changed
}

const contentChanged = (before: Inode, after: Inode): boolean =>
  before.contentA !== after.contentA || before.contentB !== after.contentB

/** Ranges of the larger of the two files where the bytes may differ. */
export function changedRanges(
  old: TreeView,
  now: TreeView,
  before: Inode,
  after: Inode,
): ByteRange[] {
  const ranges: ByteRange[] = []
  const [left, right] = [old.extents(before, 0, before.size), now.extents(after, 0, after.size)]
  const end = Math.max(before.size, after.size)
  let [l, r] = [0, 0]
  for (let at = 0; at < end && ranges.length < RANGES_MAX; ) {
    while (l < left.length && endOf(left[l]) <= at) l += 1
    while (r < right.length && endOf(right[r]) <= at) r += 1
    const stop = Math.min(boundary(left[l], at, end), boundary(right[r], at, end))
    if (!sameBytes(left[l], right[r], at)) append(ranges, at, stop)
    at = stop
  }
  return ranges
}

const endOf = (extent: Extent | undefined): number =>
  extent === undefined ? Number.POSITIVE_INFINITY : extent.offset + extent.length

function boundary(extent: Extent | undefined, at: number, end: number): number {
  if (extent === undefined) return end
  return extent.offset > at ? extent.offset : extent.offset + extent.length
}

function sameBytes(a: Extent | undefined, b: Extent | undefined, at: number): boolean {
  const left = a !== undefined && a.offset <= at ? a : undefined
  const right = b !== undefined && b.offset <= at ? b : undefined
  if (left === undefined || right === undefined) return left === right
  if (left.block !== right.block) return false
  if (left.block === '') return true
  return left.blockOffset - left.offset === right.blockOffset - right.offset
}

function append(ranges: ByteRange[], from: number, to: number): void {
  const last = ranges.at(-1)
  if (last !== undefined && last.offset + last.length === from) {
    ranges[ranges.length - 1] = { offset: last.offset, length: to - last.offset }
  } else {
    ranges.push({ offset: from, length: to - from })
  }
}
