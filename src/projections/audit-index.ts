/**
 * The audit's index: for each block of records a filter over what they can be found by, and a
 * context that says what the records do not. A projection like any other, except that it is not
 * state: it counts in no digest and nothing of it is ever forgotten.
 */
import type { Event } from '../journal/events.ts'
import type { JournalRecord } from '../journal/record.ts'
import type { StoreWriter } from '../store/store.ts'
import { AccessIndex } from './access-index.ts'
import { namesOf, packContext, unpackContext } from './audit-context.ts'
import { auditKey, keyKinds, pathHash } from './audit-keys.ts'
import { AuditNames } from './audit-names.ts'
import { DEPTH_MAX, placeOf } from './audit-place.ts'
import { settingBefore } from './audit-settings.ts'
import { fileKind, ROOT_INO } from './inode.ts'
import { nodeId } from './node-id.ts'
import { copyRow, putGroup } from './row-codec.ts'
import type { World } from './world.ts'

/** The store's maps, both by block. */
export const AUDIT_FILTERS = 'audit'
export const AUDIT_CONTEXTS = 'audit-context'
export const BLOCK_RECORDS = 512

/** Block `n` holds records n * 512 + 1 to (n + 1) * 512. */
export const blockOf = (seq: number): number => Math.floor((seq - 1) / BLOCK_RECORDS)
export const firstOfBlock = (block: number): number => block * BLOCK_RECORDS + 1

export function blockKey(block: number): Buffer {
  const key = Buffer.alloc(8)
  putGroup(key, block)
  return key
}

interface Finished {
  readonly block: number
  readonly filter: Buffer
  readonly context: Buffer
}

export class AuditIndex {
  private readonly world: World
  private readonly names: AuditNames
  private readonly accesses: AccessIndex
  private finished: Finished[] = []
  private empty = true
  /** Hashes of paths of inodes that are in the filter with all that lead to them. */
  private readonly hashes = new Map<number, number>()
  /** Inodes whose place in the tree the context and the block's events tell. */
  private readonly named = new Set<number>()

  /** Goes on where the store's checkpoint is. */
  constructor(world: World) {
    this.world = world
    this.names = new AuditNames(world)
    this.accesses = new AccessIndex(world)
    if (world.seq % BLOCK_RECORDS === 0) return
    const key = blockKey(blockOf(world.seq))
    const filter = world.store.map(AUDIT_FILTERS).get(key)
    const resumed = filter !== undefined && this.names.filter.resume(filter)
    const context = world.store.map(AUDIT_CONTEXTS).get(key)
    if (!resumed || context === undefined) {
      throw new Error(`the audit's index has no block for record ${world.seq}: rebuild it`)
    }
    // What was written down already is written down again when it is next needed.
    this.names.rows = unpackContext(copyRow(context))
    this.empty = false
  }

  /** Of a record that is about to be folded: keeps what it will replace. */
  before(record: JournalRecord): void {
    const { events, share, seq } = record
    for (let i = 0; i < events.length; i++) {
      const event = events[i] as Event
      switch (event.type) {
        case 'AttributesChanged':
        case 'ContentChanged':
        case 'ContentCut':
          this.keepInode(share, event.ino, seq)
          break
        case 'ShareOptionsChanged':
        case 'LabelSet':
        case 'LabelRemoved':
        case 'HoldReleased':
        case 'UserCreated':
        case 'UserDeleted':
        case 'GroupCreated':
        case 'GroupDeleted':
          this.keepSetting(settingBefore(this.world, event), seq)
          break
        default:
      }
    }
  }

  private keepInode(share: number, ino: number, seq: number): void {
    const inode = this.world.live(share).inode(ino)
    if (inode === undefined) return
    const at = (seq - 1) % BLOCK_RECORDS
    this.names.rows.inodes.push(at, ino, inode.mode, inode.uid, inode.gid, inode.size)
  }

  private keepSetting(before: unknown, seq: number): void {
    if (before === undefined) return
    this.names.rows.settings.push((seq - 1) % BLOCK_RECORDS, JSON.stringify(before))
  }

  /** Of a record that was folded just now. */
  add(record: JournalRecord): void {
    this.empty = false
    const at = (record.seq - 1) % BLOCK_RECORDS
    const { share, about, events, accesses } = record
    if (accesses === undefined) this.names.addTuple(record, at)
    else this.accesses.add(record, accesses)
    for (let i = 0; i < events.length; i++) this.replay(share, events[i] as Event)
    if (share !== 0) this.names.addShare(share, at)
    for (let i = 0; i < events.length; i++) this.addEvent(share, events[i] as Event, at)
    if (about !== undefined) {
      const { ino, dir, name, toDir, toName } = about
      if (dir !== 0) this.addEntry(share, dir, name, at)
      else if (name === '') this.addNode(share, ino, at)
      else this.names.addPath(name)
      if (toDir !== 0) this.addEntry(share, toDir, toName, at)
    }
    if (at === BLOCK_RECORDS - 1) this.finish(blockOf(record.seq))
  }

  private finish(block: number): void {
    const { filter, rows } = this.names
    this.finished.push({ block, filter: filter.finished(), context: packContext(rows) })
    this.names.clear()
    this.hashes.clear()
    this.named.clear()
    this.empty = true
  }

  /** What a reader of the block knows from its events. */
  private replay(share: number, event: Event): void {
    const names = namesOf(event)
    if (names === undefined) return
    this.accesses.forget(share, event, names.ino)
    const id = nodeId(share, names.ino)
    if (names.at === undefined) this.named.delete(id)
    else this.named.add(id)
    if (!this.hashes.has(id)) return
    const moved =
      event.type === 'EntryRenamed' ? this.world.live(share).inode(event.ino) : undefined
    // What lies in a directory that was moved lies elsewhere from here on.
    if (moved?.kind === fileKind.directory) this.hashes.clear()
    else this.hashes.delete(id)
  }

  private addEvent(share: number, event: Event, at: number): void {
    switch (event.type) {
      case 'FileCreated':
      case 'DirectoryCreated':
      case 'SymlinkCreated':
      case 'SpecialFileCreated':
      case 'EntryLinked':
      case 'EntryUnlinked':
        this.addEntry(share, event.dir, event.name, at)
        break
      case 'EntryRenamed':
        this.addEntry(share, event.fromDir, event.fromName, at)
        this.addEntry(share, event.toDir, event.toName, at)
        break
      case 'AttributesChanged':
      case 'ContentChanged':
      case 'ContentCut':
      case 'ContentSwept':
      case 'AccessTimeChanged':
        this.addNode(share, event.ino, at)
        break
      case 'ShareForked':
        this.names.addShare(event.base, at)
        this.names.addShare(event.share, at)
        break
      case 'ShareCreated':
      case 'ShareOptionsChanged':
      case 'ShareDeleted':
      case 'LabelSet':
      case 'LabelRemoved':
      case 'HoldPlaced':
      case 'HoldReleased':
        this.names.addShare(event.share, at)
        break
      case 'PastForgotten':
        if (event.share !== 0) this.names.addShare(event.share, at)
        break
      case 'ShareMounted':
      case 'ShareUnmounted':
        this.names.addPath(event.path)
        break
      case 'UserCreated':
      case 'UserDeleted':
        this.names.forgetUser(event.uid)
        break
      case 'InodeFreed':
      case 'GroupCreated':
      case 'GroupDeleted':
      case 'ClientSeen':
      case 'ClientForgotten':
      case 'EpochClaimed':
      case 'HandleKeyCreated':
        break
      default:
        // An event that could not be found by what it is about does not compile.
        event satisfies never
    }
  }

  private addEntry(share: number, dir: number, name: string, at: number): number {
    const hash = pathHash(this.directory(share, dir, at), name)
    this.names.filter.add(auditKey(keyKinds.path, hash))
    return hash
  }

  /** Something that only its number tells of: where its first link is. */
  private addNode(share: number, ino: number, at: number): void {
    if (ino === ROOT_INO || this.hashes.has(nodeId(share, ino))) return
    const place = placeOf(this.world, share, ino)
    if (place === undefined) return
    this.name(share, ino, place, at)
    this.hashes.set(nodeId(share, ino), this.addEntry(share, place.parent, place.name, at))
  }

  private name(
    share: number,
    ino: number,
    { parent, name }: { readonly parent: number; readonly name: string },
    at: number,
  ): void {
    const id = nodeId(share, ino)
    if (this.named.has(id)) return
    this.named.add(id)
    this.names.rows.nodes.push(at, share, ino, parent, name)
  }

  /** Adds a directory and all that it lies in. Returns the hash of its path. */
  private directory(share: number, dir: number, at: number): number {
    const known = this.hashes.get(nodeId(share, dir))
    if (known !== undefined) return known
    const below: { ino: number; name: string }[] = []
    let ino = dir
    let hash: number | undefined
    while (hash === undefined) {
      if (ino === ROOT_INO) {
        hash = this.names.addShare(share, at)
        break
      }
      const place = placeOf(this.world, share, ino)
      // A directory that is gone: what is said of it has no path.
      if (place === undefined || below.length > DEPTH_MAX) return 0
      this.name(share, ino, place, at)
      below.push({ ino, name: place.name })
      ino = place.parent
      hash = this.hashes.get(nodeId(share, ino))
    }
    for (const { ino: each, name } of below.reverse()) {
      hash = pathHash(hash, name)
      this.names.filter.add(auditKey(keyKinds.path, hash))
      this.hashes.set(nodeId(share, each), hash)
    }
    return hash
  }

  /** The blocks that are complete, and what there is of the one that is not. */
  flushTo(writer: StoreWriter): void {
    for (const { block, filter, context } of this.finished) {
      writer.put(AUDIT_FILTERS, blockKey(block), filter)
      writer.put(AUDIT_CONTEXTS, blockKey(block), context)
    }
    this.accesses.flushTo(writer)
    if (this.empty) return
    const key = blockKey(blockOf(this.world.seq))
    writer.put(AUDIT_FILTERS, key, this.names.filter.unfinished())
    writer.put(AUDIT_CONTEXTS, key, packContext(this.names.rows))
  }

  /** The store has what `flushTo` wrote. */
  flushed(): void {
    this.finished = []
    this.accesses.flushed()
  }
}
