/**
 * The past as the store alone knows it, for who has no world in memory: another process, behind the
 * server that folds the journal. Moments up to the store's checkpoint can be asked for, and not
 * before a share's horizon.
 */
import type { Store } from '../store/store.ts'
import { readCheckpoint, readHorizons } from './checkpoint.ts'
import { type Client, controlId, controlKinds, type User } from './control.ts'
import type { ForkBase } from './fork-view.ts'
import { byName, byNumber, GroupTable } from './group-table.ts'
import { IdTable } from './id-table.ts'
import type { Inode } from './inode.ts'
import { nodeId } from './node-id.ts'
import { groupOfKey, putGroup } from './row-codec.ts'
import { type Link, type Listing, tableSpecs } from './rows.ts'
import type { Share } from './share.ts'

export class StoredPast {
  private readonly store: Store
  private readonly inodes
  private readonly listings
  private readonly linkRows
  private readonly control
  /** Where a share was forked from never changes. */
  private readonly bases = new Map<number, ForkBase | undefined>()

  constructor(store: Store) {
    this.store = store
    // Nothing is ever put or remembered: with rows in memory it would not see the store change.
    const specs = tableSpecs(0)
    const positions = { flushed: 0, saw: 0 }
    this.inodes = new IdTable(specs.inodes, store, positions)
    this.listings = new GroupTable(specs.listings, byNumber, store, positions)
    this.linkRows = new GroupTable(specs.links, byName, store, positions)
    this.control = new IdTable({ ...specs.control, memory: 0 }, store, positions)
  }

  /** Looks at what is in the store from now on. Returns the last record it holds. */
  refresh(): number {
    this.store.refresh()
    return readCheckpoint(this.store).seq
  }

  /** By share, the last record that is forgotten. */
  horizons(): ReadonlyMap<number, number> {
    return readHorizons(this.store)
  }

  inode(share: number, ino: number, seq: number): Inode | undefined {
    const own = this.inodes.getAsOf(nodeId(share, ino), 0, seq)
    if (own !== undefined) return own.kind === 0 ? undefined : own
    const base = this.baseOf(share, seq)
    return base && this.inode(base.share, ino, base.seq)
  }

  listing(share: number, dir: number, cookie: number, seq: number): Listing | undefined {
    const own = this.listings.getAsOf(nodeId(share, dir), cookie, seq)
    if (own !== undefined) return own.ino === 0 ? undefined : own
    const base = this.baseOf(share, seq)
    return base && this.listing(base.share, dir, cookie, base.seq)
  }

  /** Links of an inode beyond the first, `most` of them at most. */
  links(share: number, ino: number, seq: number, most: number): readonly Link[] {
    return [...this.linksByKey(share, ino, seq, most).values()]
      .filter(({ dir }) => dir !== 0)
      .slice(0, most)
  }

  /** Tombstones included: they hide what the share that it was forked from has. */
  private linksByKey(share: number, ino: number, seq: number, most: number): Map<string, Link> {
    const base = this.baseOf(share, seq)
    const links = base ? this.linksByKey(base.share, ino, base.seq, most) : new Map<string, Link>()
    for (const [key, link] of this.linkRows.fromAsOf(nodeId(share, ino), '', seq)) {
      links.set(key, link)
      if (links.size > 2 * most) break
    }
    return links
  }

  private baseOf(share: number, seq: number): ForkBase | undefined {
    if (this.bases.has(share)) return this.bases.get(share)
    const row = this.share(share, seq)
    if (row !== undefined) this.bases.set(share, row.base)
    return row?.base
  }

  share(id: number, seq: number): Share | undefined {
    return this.controlRow(controlKinds.share, id, seq)
  }

  user(uid: number, seq: number): User | undefined {
    return this.controlRow(controlKinds.user, uid, seq)
  }

  client(id: number, seq: number): Client | undefined {
    return this.controlRow(controlKinds.client, id, seq)
  }

  /** All shares that the store has now, deleted ones included. */
  shares(): readonly Share[] {
    const [from, to] = [Buffer.alloc(8), Buffer.alloc(8)]
    putGroup(from, controlId(controlKinds.share, 0))
    putGroup(to, controlId(controlKinds.share + 1, 0))
    const ids: number[] = []
    for (const { key } of this.store.map('control').range(from, to)) {
      ids.push(groupOfKey(key) - controlId(controlKinds.share, 0))
    }
    const { seq } = readCheckpoint(this.store)
    return ids.flatMap((id) => this.share(id, seq) ?? [])
  }

  private controlRow<T>(kind: number, id: number, seq: number): T | undefined {
    const row = this.control.getAsOf(controlId(kind, id), 0, seq)
    return row && (JSON.parse(row.text) as T)
  }
}
