import type { Extent } from '../journal/fields.ts'
import { MiB } from '../platform/limits.ts'
import { ExtentWindows } from './extent-windows.ts'
import type { Inode } from './inode.ts'
import { nodeId } from './node-id.ts'
import type { Entry, Listing } from './rows.ts'
import type { World } from './world.ts'

/** A share's tree, now or at a past moment: deciders and queries do not know which. */
export interface TreeView {
  readonly share: number
  inode(ino: number): Inode | undefined
  entry(dir: number, name: string): Entry | undefined
  /** Entries of a directory from a cookie on, ascending. */
  list(dir: number, cookie: number): Iterable<[cookie: number, listing: Listing]>
  listing(dir: number, cookie: number): Listing | undefined
  /** Extents of an extent map (Inode.content) that overlap [from, to). */
  extents(content: number, from: number, to: number): readonly Extent[]
}

export class LiveView implements TreeView {
  readonly share: number
  private readonly world: World

  constructor(world: World, share: number) {
    this.world = world
    this.share = share
  }

  inode(ino: number): Inode | undefined {
    return this.world.inodes.get(nodeId(this.share, ino), 0)
  }

  entry(dir: number, name: string): Entry | undefined {
    return this.world.entries.get(nodeId(this.share, dir), name)
  }

  list(dir: number, cookie: number): Iterable<[number, Listing]> {
    return this.world.listings.from(nodeId(this.share, dir), cookie)
  }

  listing(dir: number, cookie: number): Listing | undefined {
    return this.world.listings.get(nodeId(this.share, dir), cookie)
  }

  extents(content: number, from: number, to: number): readonly Extent[] {
    return this.world.extents.overlapping(nodeId(this.share, content), from, to)
  }
}

/** Rows and extents that a view of the past remembers: then it forgets them all. */
const REMEMBERED = 20_000
const EXTENT_MEMORY = 2 * MiB

/** What was will not change, so a view of the past remembers what it has looked up. */
export class AsOfView implements TreeView {
  readonly share: number
  private readonly world: World
  private readonly seq: number
  private readonly inodes = new Map<number, Inode | undefined>()
  private readonly entries = new Map<number, Map<string, Entry | undefined>>()
  private readonly windows: ExtentWindows
  private remembered = 0

  constructor(world: World, share: number, seq: number) {
    this.world = world
    this.share = share
    this.seq = seq
    this.windows = new ExtentWindows(EXTENT_MEMORY, (group, from, to) => [
      ...world.extents.overlappingAsOf(group, from, to, seq),
    ])
  }

  private remember(): void {
    this.remembered += 1
    if (this.remembered <= REMEMBERED) return
    this.remembered = 0
    this.inodes.clear()
    this.entries.clear()
  }

  inode(ino: number): Inode | undefined {
    const known = this.inodes.get(ino)
    if (known !== undefined || this.inodes.has(ino)) return known
    const inode = this.world.inodes.getAsOf(nodeId(this.share, ino), 0, this.seq)
    this.inodes.set(ino, inode)
    this.remember()
    return inode
  }

  entry(dir: number, name: string): Entry | undefined {
    let names = this.entries.get(dir)
    const known = names?.get(name)
    if (known !== undefined || names?.has(name)) return known
    const entry = this.world.entries.getAsOf(nodeId(this.share, dir), name, this.seq)
    if (names === undefined) {
      names = new Map()
      this.entries.set(dir, names)
    }
    names.set(name, entry)
    this.remember()
    return entry
  }

  list(dir: number, cookie: number): Iterable<[number, Listing]> {
    return this.world.listings.fromAsOf(nodeId(this.share, dir), cookie, this.seq)
  }

  listing(dir: number, cookie: number): Listing | undefined {
    return this.world.listings.getAsOf(nodeId(this.share, dir), cookie, this.seq)
  }

  extents(content: number, from: number, to: number): readonly Extent[] {
    const group = nodeId(this.share, content)
    if (to - from > MAX_THROUGH_WINDOWS) {
      return this.world.extents.overlappingAsOf(group, from, to, this.seq)
    }
    return this.windows.overlapping(group, from, to)
  }
}

const MAX_THROUGH_WINDOWS = 16 * MiB

/** Path of an inode from its share's root, by its first link; undefined when it is not in the tree. */
export function pathOf(view: TreeView, ino: number): string | undefined {
  const names: string[] = []
  let inode = view.inode(ino)
  let at = ino
  // A path is as long as the tree is deep; a damaged tree must not make it endless.
  for (let depth = 0; inode !== undefined && depth < MAX_DEPTH; depth++) {
    if (inode.parent === at) return `/${names.reverse().join('/')}`
    const listing = view.listing(inode.parent, inode.cookie)
    if (listing === undefined) return undefined
    names.push(listing.name)
    at = inode.parent
    inode = view.inode(at)
  }
  return undefined
}

const MAX_DEPTH = 100_000
