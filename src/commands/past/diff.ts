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
import type { Pause } from './pause.ts'
import { entryPath, kindName, readable } from './share-path.ts'

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
  | Modified

interface Modified {
  readonly kind: 'modified'
  readonly path: string
  readonly type: string
  readonly size: { readonly from: number; readonly to: number }
  /** Where other blocks lie than before. */
  readonly ranges: readonly ByteRange[]
  /** Which others have changed: `mode`, `uid` …; `inode` when it is another file by that name. */
  readonly attributes: readonly string[]
}

export interface DiffOptions {
  readonly world: World
  readonly share: number
  /** Records after which the two moments are. */
  readonly from: number
  readonly to: number
  readonly frames: AsyncIterable<Frame>
  readonly pause: Pause
}

/** Objects looked at in one difference: more than that is asked for in parts. */
const TOUCHED_MAX = 500_000
/** Between two pauses: a millisecond or two. */
const LOOKED_AT_ONCE = 100
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
  const gained = new Map<number, string>()
  for (const key of touched.entries) {
    looked += 1
    if (looked % LOOKED_AT_ONCE === 0) await pause()
    gain(gained, old, now, key)
  }
  for (const key of touched.entries) {
    looked += 1
    if (looked % LOOKED_AT_ONCE === 0) await pause()
    yield* entryDifferences(gained, old, now, key)
  }
  for (const ino of touched.inodes) {
    looked += 1
    if (looked % LOOKED_AT_ONCE === 0) await pause()
    const difference = inodeDifference(old, now, ino)
    if (difference !== undefined) yield difference
  }
}

interface Touched {
  /** `dir/name` of entries. */
  readonly entries: Set<string>
  readonly inodes: Set<number>
}

async function touchedBetween({ share, from, to, frames, pause }: DiffOptions): Promise<Touched> {
  const touched: Touched = { entries: new Set(), inodes: new Set() }
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
    entries.add(entryKey(event.fromDir, event.fromName))
    entries.add(entryKey(event.toDir, event.toName))
  } else if ('dir' in event && 'name' in event) {
    entries.add(entryKey(event.dir, event.name))
  } else if ('ino' in event) {
    inodes.add(event.ino)
  }
}

function split(key: string): [dir: number, name: string] {
  const at = key.indexOf('/')
  return [Number(key.slice(0, at)), key.slice(at + 1)]
}

/** Notes where an object that was there before has got a name. */
function gain(gained: Map<number, string>, old: TreeView, now: TreeView, key: string): void {
  const [dir, name] = split(key)
  const after = now.entry(dir, name)?.ino
  if (after === undefined || after === old.entry(dir, name)?.ino || gained.has(after)) return
  if (old.inode(after) !== undefined) gained.set(after, key)
}

function* entryDifferences(
  gained: ReadonlyMap<number, string>,
  old: TreeView,
  now: TreeView,
  key: string,
): Iterable<Difference> {
  const [dir, name] = split(key)
  const [before, after] = [old.entry(dir, name)?.ino, now.entry(dir, name)?.ino]
  if (before === after) return
  const [was, is] = [inodeOf(old, before), inodeOf(now, after)]
  if (was?.kind === fileKind.regular && is?.kind === fileKind.regular) {
    // As editors save: another file under the same name.
    if (old.inode(after as number) === undefined && now.inode(before as number) === undefined) {
      yield modified(old, now, was, is, entryPath(now, dir, name), ['inode'])
      return
    }
  }
  if (before !== undefined && was !== undefined) {
    // Where it went, the other name says that it was renamed.
    const told = gained.has(before) && lostPlace(old, now, before) === key
    if (!told) yield { kind: 'removed', path: entryPath(old, dir, name), type: kindName(was) }
  }
  if (after === undefined) return
  const [path, type] = [entryPath(now, dir, name), kindName(is)]
  const from = gained.get(after) === key ? lostPlace(old, now, after) : undefined
  if (from === undefined) yield { kind: 'added', path, type }
  else yield { kind: 'renamed', from: entryPath(old, ...split(from)), path, type }
}

const inodeOf = (view: TreeView, ino: number | undefined): Inode | undefined =>
  ino === undefined ? undefined : view.inode(ino)

/** The entry that an object had first, when it has lost it since. */
function lostPlace(old: TreeView, now: TreeView, ino: number): string | undefined {
  const before = old.inode(ino)
  if (before === undefined) return undefined
  const name = old.listing(before.parent, before.cookie)?.name
  if (name === undefined || now.entry(before.parent, name)?.ino === ino) return undefined
  return entryKey(before.parent, name)
}

function inodeDifference(old: TreeView, now: TreeView, ino: number): Difference | undefined {
  const [before, after] = [old.inode(ino), now.inode(ino)]
  if (before === undefined || after === undefined) return undefined
  const path = readable(pathOf(now, ino) ?? `(inode ${ino})`)
  const difference = modified(old, now, before, after, path)
  const { attributes, ranges, size } = difference
  if (attributes.length === 0 && ranges.length === 0 && size.from === size.to) return undefined
  return difference
}

function modified(
  old: TreeView,
  now: TreeView,
  before: Inode,
  after: Inode,
  path: string,
  also: readonly string[] = [],
): Modified {
  const attributes = [...also, ...changedAttributes(before, after)]
  const ranges = contentChanged(before, after) ? changedRanges(old, now, before, after) : []
  const size = { from: before.size, to: after.size }
  return { kind: 'modified', path, type: kindName(after), size, ranges, attributes }
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
