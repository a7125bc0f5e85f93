/**
 * The audit's index of records that hold many accesses: for each a filter and a context of its own,
 * so that one is skipped or read by itself. docs/formats/audit-index.md.
 */
import { AccessBatchReader, type AccessContext } from '../journal/access-batch.ts'
import { commandCodes } from '../journal/command-names.ts'
import type { Event } from '../journal/events.ts'
import type { JournalRecord, Origin } from '../journal/record.ts'
import { refusals } from '../journal/refusal.ts'
import type { StoreWriter } from '../store/store.ts'
import { type NodeName, packContext } from './audit-context.ts'
import { auditKey, keyKinds, pathHash, pathHashOfBytes } from './audit-keys.ts'
import { AuditNames } from './audit-names.ts'
import { DEPTH_MAX, placeOf } from './audit-place.ts'
import { fileKind, ROOT_INO } from './inode.ts'
import { nodeId } from './node-id.ts'
import { putGroup } from './row-codec.ts'
import type { World } from './world.ts'

/** The store's maps, both by record. */
export const ACCESS_FILTERS = 'audit-accesses'
export const ACCESS_CONTEXTS = 'audit-accesses-context'

export function recordKey(seq: number): Buffer {
  const key = Buffer.alloc(8)
  putGroup(key, seq)
  return key
}

interface Place extends NodeName {
  /** Of its path. */
  readonly hash: number
}

/** Places that are kept from one record to the next. */
const PLACES_MAX = 32_768
/** A power of two. */
const RECENT = 1024

export class AccessIndex {
  private readonly world: World
  private readonly names: AuditNames
  private finished: { readonly seq: number; readonly filter: Buffer; readonly context: Buffer }[] =
    []
  /** Where inodes are, from one record to the next: looking it up costs more than all the rest. */
  private readonly places = new Map<number, Place>()
  /** Inodes that the record's filter and context have, with all that lead to them. */
  private readonly named = new Set<number>()
  /** Inodes that the record met a moment ago, and the hashes of their paths: saves a look-up. */
  private readonly recent = new Float64Array(RECENT)
  private readonly recentHashes = new Int32Array(RECENT)

  constructor(world: World) {
    this.world = world
    this.names = new AuditNames(world)
  }

  /** An event that says something of where `ino` is was folded. */
  forget(share: number, event: Event, ino: number): void {
    if (this.places.size === 0) return
    const moved =
      event.type === 'EntryRenamed' ? this.world.live(share).inode(event.ino) : undefined
    // What lies in a directory that was moved lies elsewhere from here on.
    if (moved?.kind === fileKind.directory) this.places.clear()
    else this.places.delete(nodeId(share, ino))
  }

  add({ seq, sec, nsec, command, origin }: JournalRecord, packed: Buffer): void {
    const reader = new AccessBatchReader(packed, { sec, nsec })
    if (this.places.size > PLACES_MAX) this.places.clear()
    this.recent.fill(0)
    if (reader.dropped > 0) {
      this.names.addTuple({ command, refusal: refusals.delayed, share: 0, origin })
    }
    for (let known = 0; reader.next(); ) {
      if (reader.contexts.length > known) {
        this.addContext(reader.contexts[known] as AccessContext)
        known += 1
      }
      this.addAccess(reader)
    }
    const { filter, rows } = this.names
    this.finished.push({ seq, filter: filter.finished(), context: packContext(rows) })
    this.names.clear()
    this.named.clear()
  }

  private addContext(context: AccessContext): void {
    const { share, refusal } = context
    this.names.addTuple({
      ...{ command: commandCodes.Access, share, refusal },
      origin: originOf(context),
    })
    this.names.addShare(share)
  }

  private addAccess({ context, ino, bytes, nameStart, nameEnd }: AccessBatchReader): void {
    const { share } = context as AccessContext
    const hash = ino === ROOT_INO ? this.names.addShare(share) : this.pathOf(share, ino)
    if (nameStart === nameEnd) return
    const path = pathHashOfBytes(hash, bytes, nameStart, nameEnd)
    this.names.filter.add(auditKey(keyKinds.path, path))
  }

  /** Of an inode that is in filter and context when it returns. */
  private pathOf(share: number, ino: number): number {
    const id = nodeId(share, ino)
    const slot = ino & (RECENT - 1)
    if (this.recent[slot] === id) return this.recentHashes[slot] as number
    const hash = this.addNode(share, ino)
    this.recent[slot] = id
    this.recentHashes[slot] = hash
    return hash
  }

  /** Adds an inode and all that it lies in. Returns the hash of its path, 0 if it has none. */
  private addNode(share: number, ino: number): number {
    const place = this.place(share, ino)
    let [at, each] = [ino, place]
    while (each !== undefined && !this.named.has(nodeId(share, at))) {
      this.named.add(nodeId(share, at))
      this.names.rows.nodes.push(0, share, at, each.parent, each.name)
      this.names.filter.add(auditKey(keyKinds.path, each.hash))
      at = each.parent
      each = at === ROOT_INO ? undefined : this.place(share, at)
    }
    return place?.hash ?? 0
  }

  private place(share: number, ino: number): Place | undefined {
    const known = this.places.get(nodeId(share, ino))
    return known ?? this.lookUp(share, ino)
  }

  /** Finds out where an inode is, and all that it lies in that is not known yet. */
  private lookUp(share: number, from: number): Place | undefined {
    const below: { readonly ino: number; readonly at: NodeName }[] = []
    let ino = from
    let hash: number | undefined
    while (hash === undefined) {
      const at = placeOf(this.world, share, ino)
      // It is gone, or lies in something that is: what is said of it has no path.
      if (at === undefined || below.length > DEPTH_MAX) return undefined
      below.push({ ino, at })
      ino = at.parent
      hash = ino === ROOT_INO ? this.names.addShare(share) : this.hashOf(share, ino)
    }
    let place: Place | undefined
    for (const { ino: each, at } of below.reverse()) {
      hash = pathHash(hash, at.name)
      place = { ...at, hash }
      this.places.set(nodeId(share, each), place)
    }
    return place
  }

  private hashOf(share: number, ino: number): number | undefined {
    return this.places.get(nodeId(share, ino))?.hash
  }

  flushTo(writer: StoreWriter): void {
    for (const { seq, filter, context } of this.finished) {
      writer.put(ACCESS_FILTERS, recordKey(seq), filter)
      writer.put(ACCESS_CONTEXTS, recordKey(seq), context)
    }
  }

  /** The store has what `flushTo` wrote. */
  flushed(): void {
    this.finished = []
  }
}

const originOf = ({ op, client, uid, gid }: AccessContext): Origin => ({
  ...{ op, client, uid, gid },
  ...{ xid: 0, checksum: 0 },
})
