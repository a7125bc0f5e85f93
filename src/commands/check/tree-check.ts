/**
 * Whether the tree of a store is one: every object has its names and nothing else, counts are what
 * they count, everything hangs below its root. Passes over the rows in the order of their keys,
 * with memory that does not grow with them.
 */
import { FIRST_COOKIE, fileKind, type Inode, ROOT_INO } from '../../projections/inode.ts'
import { inoOf, shareOf } from '../../projections/node-id.ts'
import { tableSpecs } from '../../projections/rows.ts'
import type { TreeView } from '../../projections/tree-view.ts'
import type { World } from '../../projections/world.ts'
import { count } from '../past/count.ts'
import { type Finding, noProgress, type Progress } from './finding.ts'
import { nodeName, utf8 } from './node-name.ts'
import { nameOfKey, storedRows } from './stored-rows.ts'

interface Held {
  inodes: number
  bytes: number
  /** Above every number that was handed out. */
  nextIno: number
}

const specs = tableSpecs(0)
const KNOWN_MAX = 100_000
const PROGRESS_ROWS = 10_000

export class TreeCheck {
  private readonly world: World
  private readonly progress: Progress
  private readonly held = new Map<number, Held>()
  /** Directories that are known to hang below their root. Bounded: forgotten when it is full. */
  private readonly hanging = new Set<number>()

  /** `world` as its store has it: with nothing in memory that the store does not know. */
  constructor(world: World, progress: Progress = noProgress) {
    this.world = world
    this.progress = progress
  }

  async *findings(): AsyncIterable<Finding> {
    yield* this.objects()
    yield* this.entriesWithoutDirectory()
    yield* this.linksWithoutObject()
    yield* this.usages()
  }

  /** Rows of a deleted share may be gone or going: nobody can look at them. */
  private isDeleted(share: number): boolean {
    return (this.world.control.shares.get(share)?.deleted ?? 0) !== 0
  }

  private found(id: number, what: string): Finding {
    return { area: 'projections', where: nodeName(this.world, id), what }
  }

  private *objects(): Iterable<Finding> {
    const { world } = this
    let done = 0
    for (const { group: id, value: inode } of storedRows(world.store, specs.inodes)) {
      // A fork's row of kind 0 hides an inode of its base.
      if (inode.kind === 0 || this.isDeleted(shareOf(id))) continue
      const view = world.live(shareOf(id))
      this.count(id, inode)
      if (inode.kind === fileKind.directory) yield* this.directory(id, inode, view)
      yield* this.links(id, inode, view)
      yield* this.place(id, inode, view)
      done += 1
      if (done % PROGRESS_ROWS === 0) this.progress('objects', done)
    }
  }

  private count(id: number, inode: Inode): void {
    const share = shareOf(id)
    let held = this.held.get(share)
    if (held === undefined) {
      held = { inodes: 0, bytes: 0, nextIno: 0 }
      this.held.set(share, held)
    }
    held.inodes += 1
    held.nextIno = Math.max(held.nextIno, inoOf(id) + 1, inode.content + 1)
    if (inode.kind === fileKind.regular) held.bytes += inode.used
  }

  private *directory(id: number, inode: Inode, view: TreeView): Iterable<Finding> {
    const dir = inoOf(id)
    let [listed, directories, last] = [0, 0, 0]
    for (const [cookie, { name, ino }] of view.list(dir, 0)) {
      listed += 1
      last = cookie
      const child = view.inode(ino)
      if (child === undefined) yield this.found(id, `${shown(name)} is inode ${ino}, which is gone`)
      if (child?.kind === fileKind.directory) directories += 1
      const entry = view.entry(dir, name)
      if (entry?.ino !== ino || entry.cookie !== cookie) {
        yield this.found(
          id,
          `${shown(name)} is listed under cookie ${cookie} and not found by name`,
        )
      }
      if (cookie < FIRST_COOKIE) yield this.found(id, `${shown(name)} has cookie ${cookie}`)
    }
    if (listed !== inode.entries) {
      yield this.found(id, `it lists ${listed} names, and counts ${inode.entries}`)
    }
    if (inode.nlink !== 0 && directories + 2 !== inode.nlink) {
      yield this.found(id, `it holds ${directories} directories, and has ${inode.nlink} links`)
    }
    if (last >= inode.nextCookie) {
      yield this.found(id, `the next cookie is ${inode.nextCookie}, and ${last} is taken`)
    }
  }

  /** Links beyond the first, each of which must be a name of this very object. */
  private *links(id: number, inode: Inode, view: TreeView): Iterable<Finding> {
    const ino = inoOf(id)
    let links = 0
    for (const [, { dir, cookie }] of view.links(ino)) {
      links += 1
      if (view.listing(dir, cookie)?.ino !== ino) {
        yield this.found(id, `its link under cookie ${cookie} of inode ${dir} leads elsewhere`)
      }
    }
    if (inode.kind === fileKind.directory) {
      if (links > 0) yield this.found(id, 'a directory has second links')
    } else if (inode.nlink > 0 && links + 1 !== inode.nlink) {
      yield this.found(id, `it has ${links + 1} names, and counts ${inode.nlink}`)
    }
  }

  /** Its first link, and that its directories lead to the root. */
  private *place(id: number, inode: Inode, view: TreeView): Iterable<Finding> {
    const ino = inoOf(id)
    if (!this.world.control.shares.get(shareOf(id))) yield this.found(id, 'its share is unknown')
    if (ino === ROOT_INO) {
      if (inode.parent !== ROOT_INO || inode.kind !== fileKind.directory) {
        yield this.found(id, 'the root is not a directory of its own')
      }
      return
    }
    // Without a name it may still be open.
    if (inode.nlink === 0) return
    if (view.listing(inode.parent, inode.cookie)?.ino !== ino) {
      yield this.found(id, 'its directory does not list it')
    } else if (inode.kind === fileKind.directory && !this.hangs(id, view)) {
      yield this.found(id, 'its directories lead in a circle')
    }
  }

  private hangs(id: number, view: TreeView): boolean {
    const base = id - inoOf(id)
    const way = new Set<number>()
    for (let at = inoOf(id); at !== ROOT_INO; ) {
      if (this.hanging.has(base + at)) break
      if (way.has(base + at)) return false
      way.add(base + at)
      const inode = view.inode(at)
      // A directory that is gone is reported where it is missed.
      if (inode === undefined) break
      at = inode.parent
    }
    if (this.hanging.size > KNOWN_MAX) this.hanging.clear()
    for (const one of way) this.hanging.add(one)
    return true
  }

  private *entriesWithoutDirectory(): Iterable<Finding> {
    let done = 0
    for (const { group, key, value } of storedRows(this.world.store, specs.entries)) {
      done += 1
      if (done % PROGRESS_ROWS === 0) this.progress('names', done)
      if (value.ino === 0 || this.isDeleted(shareOf(group))) continue
      const view = this.world.live(shareOf(group))
      const name = nameOfKey(key)
      const listing = view.listing(inoOf(group), value.cookie)
      if (view.inode(inoOf(group))?.kind !== fileKind.directory) {
        yield this.found(group, `it is no directory, and has the name ${shown(name)} in it`)
      } else if (listing?.name !== name || listing.ino !== value.ino) {
        yield this.found(group, `${shown(name)} is found by name and not listed`)
      }
    }
  }

  private *linksWithoutObject(): Iterable<Finding> {
    for (const { group, value } of storedRows(this.world.store, specs.links)) {
      if (value.dir === 0 || this.isDeleted(shareOf(group))) continue
      const inode = this.world.live(shareOf(group)).inode(inoOf(group))
      if (inode === undefined) yield this.found(group, 'it has a second link, and is gone')
    }
  }

  private async *usages(): AsyncIterable<Finding> {
    const { world } = this
    for (const { id, name, base, deleted } of world.control.shares.values()) {
      if (deleted !== 0) continue
      const own = this.held.get(id) ?? { inodes: 0, bytes: 0, nextIno: 0 }
      const pause = async () => this.progress(name, 0)
      // Most of a fork is its base's: it has to be walked.
      const { inodes, bytes } = base === undefined ? own : await count(world.live(id), pause)
      const usage = world.usage(id)
      const found = (what: string): Finding => ({ area: 'projections', where: name, what })
      if (usage.inodes !== inodes) {
        yield found(`it holds ${inodes} objects, and counts ${usage.inodes}`)
      }
      if (usage.bytes !== bytes) yield found(`it holds ${bytes} bytes, and counts ${usage.bytes}`)
      if (usage.nextIno < own.nextIno) {
        yield found(`the next inode number is ${usage.nextIno}, and ${own.nextIno - 1} is taken`)
      }
    }
  }
}

const shown = (name: string): string => JSON.stringify(utf8(name))
