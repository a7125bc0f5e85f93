/**
 * Whether a store's tree is one: every object has its names and nothing else, counts are what they
 * count, everything hangs below its root. One pass over the rows in the order of their keys, memory
 * that does not grow with them.
 */
import { fileKind, type Inode, ROOT_INO } from '../../projections/inode.ts'
import { inoOf, nodeId, shareOf } from '../../projections/node-id.ts'
import type { Entry, Listing, Usage } from '../../projections/rows.ts'
import type { Store } from '../../store/store.ts'
import { type Finding, noProgress, type Progress } from './finding.ts'
import { GroupCursor } from './group-cursor.ts'
import { StoredTree } from './stored-tree.ts'

/** What a share's usage row must say. */
interface Counted {
  inodes: number
  bytes: number
  /** Above every number that was handed out. */
  nextIno: number
}

const KNOWN_MAX = 100_000
const PROGRESS_ROWS = 10_000

type Link = { readonly dir: number; readonly cookie: number }

export class TreeCheck {
  private readonly tree: StoredTree
  private readonly progress: Progress
  private readonly counted = new Map<number, Counted>()
  /** Directories that are known to hang below their root. Bounded: forgotten when it is full. */
  private readonly hanging = new Set<number>()

  constructor(store: Store, progress: Progress = noProgress) {
    this.tree = new StoredTree(store)
    this.progress = progress
  }

  *findings(): Iterable<Finding> {
    const { tree } = this
    const entries = new GroupCursor(tree.entries.all())
    const listings = new GroupCursor(tree.listings.all())
    const links = new GroupCursor(tree.links.all())
    let done = 0
    for (const { group: id, value: inode } of tree.inodes.all()) {
      yield* this.strays(entries, listings, links, id)
      if (tree.isDeleted(shareOf(id))) {
        skip(entries, id)
        skip(listings, id)
        skip(links, id)
        continue
      }
      this.count(id, inode)
      if (inode.kind === fileKind.directory) {
        yield* this.directory(id, inode, entries, listings)
      }
      yield* this.links(id, inode, links)
      yield* this.place(id, inode)
      done += 1
      if (done % PROGRESS_ROWS === 0) this.progress('objects', done)
    }
    yield* this.strays(entries, listings, links, Number.MAX_SAFE_INTEGER)
    yield* this.usages()
  }

  private found(id: number, what: string): Finding {
    return { area: 'projections', where: this.tree.nameOf(id), what }
  }

  private *strays(
    entries: GroupCursor<Entry>,
    listings: GroupCursor<Listing>,
    links: GroupCursor<Link>,
    before: number,
  ): Iterable<Finding> {
    const cursors = [
      [entries, 'a name'],
      [listings, 'a place in a listing'],
      [links, 'a second link'],
    ] as const
    for (const [cursor, what] of cursors) {
      for (const { group } of cursor.before(before)) {
        if (this.tree.isDeleted(shareOf(group))) continue
        yield this.found(group, `there is ${what} of it, and no such object`)
      }
    }
  }

  private count(id: number, inode: Inode): void {
    const share = shareOf(id)
    let counted = this.counted.get(share)
    if (counted === undefined) {
      counted = { inodes: 0, bytes: 0, nextIno: 0 }
      this.counted.set(share, counted)
    }
    counted.inodes += 1
    counted.nextIno = Math.max(counted.nextIno, inoOf(id) + 1, inode.content + 1)
    if (inode.kind === fileKind.regular) counted.bytes += inode.used
  }

  private *directory(
    id: number,
    inode: Inode,
    entries: GroupCursor<Entry>,
    listings: GroupCursor<Listing>,
  ): Iterable<Finding> {
    const share = shareOf(id)
    let [count, directories, listed, last] = [0, 0, 0, 0]
    for (const { key, value } of entries.of(id)) {
      const { ino, cookie } = value
      const name = key.latin1Slice(8, key.length)
      count += 1
      const child = this.tree.inodes.byId(nodeId(share, ino))
      if (child === undefined) yield this.found(id, `${shown(name)} is inode ${ino}, which is gone`)
      if (child?.kind === fileKind.directory) directories += 1
      const listing = this.tree.listings.byNumber(id, cookie)
      if (listing?.name !== name || listing.ino !== ino) {
        yield this.found(id, `${shown(name)} is not what is listed under cookie ${cookie}`)
      }
    }
    for (const { key } of listings.of(id)) {
      listed += 1
      last = key.readUInt32BE(8) * 2 ** 32 + key.readUInt32BE(12)
    }
    const counts = [
      [count, inode.entries, 'names'],
      [listed, count, 'listed names'],
      [directories + 2, inode.nlink, 'links'],
    ] as const
    for (const [is, should, what] of counts) {
      if (is !== should) yield this.found(id, `it has ${is} ${what}, not ${should}`)
    }
    if (last >= inode.nextCookie) {
      yield this.found(id, `the next cookie is ${inode.nextCookie}, and ${last} is taken`)
    }
  }

  /** Links beyond the first, each of which must be a name of this very object. */
  private *links(id: number, inode: Inode, links: GroupCursor<Link>): Iterable<Finding> {
    let count = 0
    for (const { value } of links.of(id)) {
      count += 1
      const { dir, cookie } = value
      const listing = this.tree.listings.byNumber(nodeId(shareOf(id), dir), cookie)
      if (listing?.ino !== inoOf(id)) {
        yield this.found(id, `its link under cookie ${cookie} of inode ${dir} leads elsewhere`)
      }
    }
    if (inode.kind === fileKind.directory) {
      if (count > 0) yield this.found(id, 'a directory has second links')
    } else if (inode.nlink > 0 && count + 1 !== inode.nlink) {
      yield this.found(id, `it has ${count + 1} links, not ${inode.nlink}`)
    }
  }

  /** Its first link, and that its directories lead to the root. */
  private *place(id: number, inode: Inode): Iterable<Finding> {
    const [share, ino] = [shareOf(id), inoOf(id)]
    if (!this.tree.shares.has(share)) yield this.found(id, 'its share is unknown')
    if (ino === ROOT_INO) {
      if (inode.parent !== ROOT_INO || inode.kind !== fileKind.directory) {
        yield this.found(id, 'the root is not a directory of its own')
      }
      return
    }
    // Without a name it may still be open.
    if (inode.nlink === 0) return
    const listing = this.tree.listings.byNumber(nodeId(share, inode.parent), inode.cookie)
    if (listing?.ino !== ino) yield this.found(id, 'its directory does not list it')
    else if (inode.kind === fileKind.directory && !this.hangs(share, ino)) {
      yield this.found(id, 'its directories lead in a circle')
    }
  }

  private hangs(share: number, ino: number): boolean {
    const way: number[] = []
    const seen = new Set<number>()
    for (let at = ino; at !== ROOT_INO; ) {
      const id = nodeId(share, at)
      if (this.hanging.has(id)) break
      if (seen.has(at)) return false
      seen.add(at)
      way.push(id)
      const inode = this.tree.inodes.byId(id)
      // A directory that is gone was found, or will be, where it is missing.
      if (inode === undefined) break
      at = inode.parent
    }
    if (this.hanging.size > KNOWN_MAX) this.hanging.clear()
    for (const id of way) this.hanging.add(id)
    return true
  }

  private *usages(): Iterable<Finding> {
    for (const [share, { name, deleted }] of this.tree.shares) {
      if (deleted !== 0) continue
      const none: Usage = { nextIno: 0, inodes: 0, bytes: 0 }
      const usage = this.tree.usages.byId(nodeId(share, 0)) ?? none
      const { inodes, bytes, nextIno } = this.counted.get(share) ?? none
      const found = (what: string): Finding => ({ area: 'projections', where: name, what })
      if (usage.inodes !== inodes) {
        yield found(`it has ${inodes} objects, and counts ${usage.inodes}`)
      }
      if (usage.bytes !== bytes) yield found(`it has ${bytes} bytes, and counts ${usage.bytes}`)
      if (usage.nextIno < nextIno) {
        yield found(`the next inode number is ${usage.nextIno}, and ${nextIno - 1} is taken`)
      }
    }
  }
}

function skip(cursor: GroupCursor<unknown>, group: number): void {
  for (const _ of cursor.of(group));
}

const shown = (name: string): string => JSON.stringify(Buffer.from(name, 'latin1').toString('utf8'))
