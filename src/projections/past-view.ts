import type { Extent } from '../journal/fields.ts'
import { MiB } from '../platform/limits.ts'
import { EXTENT_WEIGHT, ExtentWindows, WINDOW_WEIGHT } from './extent-windows.ts'
import type { Inode } from './inode.ts'
import { nodeId } from './node-id.ts'
import type { PastMemory } from './past-memory.ts'
import type { Entry, Link, Listing } from './rows.ts'
import type { TreeView } from './tree-view.ts'
import type { World } from './world.ts'

/** Bytes that remembering a row takes, about. */
const INODE_WEIGHT = 400
const ENTRY_WEIGHT = 120
const MAX_THROUGH_WINDOWS = 16 * MiB

/** What was will not change, so a view of the past remembers what it has looked up. */
export class PastView implements TreeView {
  readonly share: number
  private readonly world: World
  private readonly seq: number
  private readonly inodes = new Map<number, Inode | undefined>()
  private readonly entries = new Map<number, Map<string, Entry | undefined>>()
  private readonly memory: PastMemory
  private windows: ExtentWindows
  /** Bytes of windows that were loaded and not counted yet. */
  private loaded = 0
  /** Of the file whose extents are asked for. */
  private size = 0

  constructor(world: World, share: number, seq: number, memory: PastMemory) {
    this.world = world
    this.share = share
    this.seq = seq
    this.memory = memory
    this.windows = this.newWindows()
  }

  private newWindows(): ExtentWindows {
    return new ExtentWindows(Infinity, (group, from, to) => {
      const end = Math.min(to, this.size)
      const extents = [...this.world.extents.overlappingAsOf(group, from, end, this.seq)]
      this.loaded += WINDOW_WEIGHT + EXTENT_WEIGHT * extents.length
      return extents
    })
  }

  forget(): void {
    this.inodes.clear()
    this.entries.clear()
    this.windows = this.newWindows()
  }

  inode(ino: number): Inode | undefined {
    const known = this.inodes.get(ino)
    if (known !== undefined || this.inodes.has(ino)) return known
    const inode = this.world.inodes.getAsOf(nodeId(this.share, ino), 0, this.seq)
    this.inodes.set(ino, inode)
    this.memory.add(this, INODE_WEIGHT)
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
    this.memory.add(this, ENTRY_WEIGHT)
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
    const group = nodeId(this.share, inode.content)
    if (to - from > MAX_THROUGH_WINDOWS) {
      const end = Math.min(to, inode.size)
      return this.world.extents.overlappingAsOf(group, from, end, this.seq)
    }
    this.size = inode.size
    const extents = this.windows.overlapping(group, from, to)
    const { loaded } = this
    this.loaded = 0
    if (loaded > 0) this.memory.add(this, loaded)
    return extents
  }
}
