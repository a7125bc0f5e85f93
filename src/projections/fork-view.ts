/**
 * A share that was forked from a moment of another: what was changed since lies in its own tables,
 * over the tree of that moment. A row of its own that stands for nothing (a tombstone) hides what
 * is below it. So a fork costs nothing to make, and shares all content until it is changed.
 */
import type { Extent } from '../journal/fields.ts'
import type { Inode } from './inode.ts'
import type { Entry, Link, Listing } from './rows.ts'
import type { TreeView } from './tree-view.ts'
import type { World } from './world.ts'

/** Where a fork begins. */
export interface ForkBase {
  readonly share: number
  /** The record after which the moment is. */
  readonly seq: number
}

export const deadEntry: Entry = { ino: 0, cookie: 0 }
export const deadListing: Listing = { name: '', ino: 0 }
export const deadLink: Link = { dir: 0, cookie: 0 }
export const deadInode = (inode: Inode): Inode => ({ ...inode, kind: 0 })

export class ForkView implements TreeView {
  readonly share: number
  /** Its own rows, tombstones included. */
  private readonly own: TreeView
  private readonly base: TreeView
  private readonly from: ForkBase
  private readonly adopted = new WeakMap<Inode, Inode>()

  constructor(own: TreeView, base: TreeView, from: ForkBase) {
    this.share = own.share
    this.own = own
    this.base = base
    this.from = from
  }

  inode(ino: number): Inode | undefined {
    const own = this.own.inode(ino)
    if (own !== undefined) return own.kind === 0 ? undefined : own
    const below = this.base.inode(ino)
    return below && this.adopt(below)
  }

  /** Whether a tombstone is needed where the own row of it goes. */
  hasBelow(ino: number): boolean {
    return this.base.inode(ino) !== undefined
  }

  hasEntryBelow(dir: number, name: string): boolean {
    return this.base.entry(dir, name) !== undefined
  }

  hasListingBelow(dir: number, cookie: number): boolean {
    return this.base.listing(dir, cookie) !== undefined
  }

  /** An inode of the base, whose content stays where it is until somebody changes it. */
  private adopt(below: Inode): Inode {
    if (below.contentShare !== 0) return below
    let adopted = this.adopted.get(below)
    if (adopted === undefined) {
      adopted = { ...below, contentShare: this.from.share, contentSeq: this.from.seq }
      this.adopted.set(below, adopted)
    }
    return adopted
  }

  entry(dir: number, name: string): Entry | undefined {
    const own = this.own.entry(dir, name)
    if (own !== undefined) return own.ino === 0 ? undefined : own
    return this.base.entry(dir, name)
  }

  list(dir: number, cookie: number): Iterable<[number, Listing]> {
    return overlaid(this.own.list(dir, cookie), this.base.list(dir, cookie), (l) => l.ino === 0)
  }

  listing(dir: number, cookie: number): Listing | undefined {
    const own = this.own.listing(dir, cookie)
    if (own !== undefined) return own.ino === 0 ? undefined : own
    return this.base.listing(dir, cookie)
  }

  links(ino: number): Iterable<[string, Link]> {
    return overlaid(this.own.links(ino), this.base.links(ino), (link) => link.dir === 0)
  }

  extents(inode: Inode, from: number, to: number): readonly Extent[] {
    return this.own.extents(inode, from, to)
  }
}

/** Two ascending sequences: of equal keys the upper one counts, and the dead are left out. */
function* overlaid<K, V>(
  upper: Iterable<[K, V]>,
  lower: Iterable<[K, V]>,
  dead: (value: V) => boolean,
): Iterable<[K, V]> {
  const below = lower[Symbol.iterator]()
  try {
    let next = below.next()
    for (const row of upper) {
      for (; next.done !== true && next.value[0] < row[0]; next = below.next()) yield next.value
      if (next.done !== true && next.value[0] === row[0]) next = below.next()
      if (!dead(row[1])) yield row
    }
    for (; next.done !== true; next = below.next()) yield next.value
  } finally {
    below.return?.()
  }
}

/** The fork view of a live share, if it is one. */
export function forkOf(world: World, share: number): ForkView | undefined {
  const view = world.live(share)
  return view instanceof ForkView ? view : undefined
}
