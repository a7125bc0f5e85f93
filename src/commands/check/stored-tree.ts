/** The tree of all shares as a store holds it: rows by key, and names for people. */
import type { Inode } from '../../projections/inode.ts'
import { ROOT_INO } from '../../projections/inode.ts'
import { inoOf, nodeId, shareOf } from '../../projections/node-id.ts'
import { type Entry, type Listing, tableSpecs } from '../../projections/rows.ts'
import type { Share } from '../../projections/share.ts'
import type { Store } from '../../store/store.ts'
import { StoredRows } from './stored-rows.ts'

const specs = tableSpecs(0)
const SHARES = 1
/** Deeper ones are cut in messages. */
const NAMED_DEPTH = 64

export class StoredTree {
  readonly inodes: StoredRows<Inode>
  readonly entries: StoredRows<Entry>
  readonly listings: StoredRows<Listing>
  readonly links
  readonly extents
  readonly pastExtents
  readonly graves
  readonly usages
  readonly shares: ReadonlyMap<number, Share>

  constructor(store: Store) {
    this.inodes = new StoredRows(store, specs.inodes)
    this.entries = new StoredRows(store, specs.entries)
    this.listings = new StoredRows(store, specs.listings)
    this.links = new StoredRows(store, specs.links)
    this.extents = new StoredRows(store, specs.extents)
    this.pastExtents = new StoredRows(store, specs.extents, true)
    this.graves = new StoredRows(store, specs.graves)
    this.usages = new StoredRows(store, specs.usage)
    this.shares = sharesOf(store)
  }

  /** Whether its rows may be gone or going: nobody can look at them any more. */
  isDeleted(share: number): boolean {
    return (this.shares.get(share)?.deleted ?? 0) !== 0
  }

  /** Where a node is: its path, as far as there is one, and its number. */
  nameOf(id: number): string {
    const [share, ino] = [shareOf(id), inoOf(id)]
    const path = this.pathOf(share, ino)
    const label = this.shares.get(share)?.name ?? `share ${share}`
    return path === undefined ? `${label}, inode ${ino}` : `${label}${path} (inode ${ino})`
  }

  private pathOf(share: number, ino: number): string | undefined {
    const names: string[] = []
    let at = ino
    for (let depth = 0; depth < NAMED_DEPTH; depth++) {
      if (at === ROOT_INO) return names.reverse().join('')
      const inode = this.inodes.byId(nodeId(share, at))
      const listing = inode && this.listings.byNumber(nodeId(share, inode.parent), inode.cookie)
      if (inode === undefined || listing?.ino !== at) return undefined
      names.push(`/${Buffer.from(listing.name, 'latin1').toString('utf8')}`)
      at = inode.parent
    }
    return undefined
  }
}

function sharesOf(store: Store): Map<number, Share> {
  const shares = new Map<number, Share>()
  for (const { group, value } of new StoredRows(store, specs.control).all()) {
    if (Math.floor(group / 2 ** 32) !== SHARES) continue
    const share: Share = JSON.parse(value.text)
    shares.set(share.id, share)
  }
  return shares
}
