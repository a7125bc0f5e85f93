import type { Extent } from '../journal/fields.ts'
import { MiB } from '../platform/limits.ts'
import { ExtentWindows } from './extent-windows.ts'
import type { Inode } from './inode.ts'
import { nodeId } from './node-id.ts'
import type { Entry, Link, Listing } from './rows.ts'
import type { TreeView } from './tree-view.ts'
import type { World } from './world.ts'

/** Rows and extents that a view of the past remembers: then it forgets them all. */
const REMEMBERED = 20_000
const EXTENT_MEMORY = 2 * MiB
const MAX_THROUGH_WINDOWS = 16 * MiB

/** What was will not change, so a view of the past remembers what it has looked up. */
export class PastView implements TreeView {
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

  links(ino: number): Iterable<[string, Link]> {
    return this.world.links.fromAsOf(nodeId(this.share, ino), '', this.seq)
  }

  extents(inode: Inode, from: number, to: number): readonly Extent[] {
    if (inode.contentShare !== 0) return this.world.pastExtents(inode, from, to)
    return this.ownExtents(inode.content, from, to)
  }

  /** Of an extent map of this share. */
  ownExtents(content: number, from: number, to: number): readonly Extent[] {
    const group = nodeId(this.share, content)
    if (to - from > MAX_THROUGH_WINDOWS) {
      return this.world.extents.overlappingAsOf(group, from, to, this.seq)
    }
    return this.windows.overlapping(group, from, to)
  }
}
