import type { Extent } from '../journal/fields.ts'
import type { Inode } from './inode.ts'
import { nodeId } from './node-id.ts'
import type { Entry, Link, Listing } from './rows.ts'
import type { World } from './world.ts'

/** A share's tree, now or at a past moment: deciders and queries do not know which. */
export interface TreeView {
  readonly share: number
  inode(ino: number): Inode | undefined
  entry(dir: number, name: string): Entry | undefined
  /** Entries of a directory from a cookie on, ascending. */
  list(dir: number, cookie: number): Iterable<[cookie: number, listing: Listing]>
  listing(dir: number, cookie: number): Listing | undefined
  /** Links of an inode beyond the first. */
  links(ino: number): Iterable<[key: string, link: Link]>
  /** Extents of a file that overlap [from, to). */
  extents(inode: Inode, from: number, to: number): readonly Extent[]
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

  links(ino: number): Iterable<[string, Link]> {
    return this.world.links.from(nodeId(this.share, ino), '')
  }

  extents(inode: Inode, from: number, to: number): readonly Extent[] {
    const { content, contentShare } = inode
    if (contentShare !== 0) return this.world.pastExtents(inode, from, to)
    return this.world.extents.overlapping(nodeId(this.share, content), from, to)
  }
}

/**
 * Path of an inode from its share's root, by its first link; undefined when it is not in the tree.
 */
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
