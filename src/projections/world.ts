/**
 * The state that the journal amounts to. `apply` is the only way to change it, and there is one
 * code for it: behind the live writer, in the follower, at start-up and in a rebuild.
 */
import type { Event } from '../journal/events.ts'
import type { JournalRecord } from '../journal/record.ts'
import { KiB } from '../platform/limits.ts'
import type { Store, StoreWriter } from '../store/store.ts'
import {
  type Checkpoint,
  readCheckpoint,
  readHorizons,
  writeCheckpoint,
  writeHorizon,
} from './checkpoint.ts'
import { Control } from './control.ts'
import { CutOff } from './cut-off.ts'
import { Digest } from './digest.ts'
import { ExtentMap } from './extent-map.ts'
import type { ContentDelta } from './extent-sums.ts'
import { folds } from './folds.ts'
import { ForkView } from './fork-view.ts'
import { byName, byNumber, GroupTable } from './group-table.ts'
import { IdTable } from './id-table.ts'
import type { Inode } from './inode.ts'
import { nodeId, SHARE_MAX, shareOf } from './node-id.ts'
import { PastMemory } from './past-memory.ts'
import { PastView } from './past-view.ts'
import { Replies } from './replies.ts'
import { tableSpecs, type Usage } from './rows.ts'
import type { Positions } from './table-spec.ts'
import { LiveView, type TreeView } from './tree-view.ts'
import { WorldError } from './world-error.ts'

/** What was forgotten for good: extent maps by node id, and deleted shares. */
export interface Erased {
  readonly contents: readonly number[]
  readonly shares: readonly number[]
}

const PAST_VIEWS = 32
/** What they remember together, as a part of the memory for rows. */
const PAST_PART = 4
/** Bytes that a view remembers which is used once. */
const GLANCED = 64 * KiB
const SHARES = SHARE_MAX + 1
const NO_USAGE: Usage = { nextIno: 1, inodes: 0, bytes: 0 }

/** A share at a past moment: its own rows, and what is seen of it. */
interface Past {
  readonly own: PastView
  readonly view: TreeView
}

export class World {
  /** The last record that was folded. */
  seq: number
  readonly positions: Positions
  readonly store: Store
  readonly inodes
  readonly entries
  readonly listings
  readonly links
  readonly extents: ExtentMap
  readonly graves
  readonly cutOff: CutOff
  readonly control: Control
  readonly replies: Replies
  private readonly usages
  private readonly tables
  private readonly views = new Map<number, TreeView>()
  /** Views of the past that were used last, the oldest first. */
  private readonly pastViews = new Map<number, Past>()
  private readonly pastMemory: PastMemory
  private checkpoint: Checkpoint
  private horizons: ReadonlyMap<number, number>
  /** Those that were folded and that the store need not have yet. */
  private readonly forgotten = new Map<number, number>()

  /** `memory`: bytes for rows in memory. The world is as of the store's checkpoint. */
  constructor(store: Store, memory: number) {
    const specs = tableSpecs(memory)
    this.pastMemory = new PastMemory(memory / PAST_PART)
    this.store = store
    this.checkpoint = readCheckpoint(store)
    this.seq = this.checkpoint.seq
    this.horizons = readHorizons(store)
    this.positions = { flushed: this.seq, saw: 0 }
    const { positions } = this
    this.inodes = new IdTable(specs.inodes, store, positions)
    this.entries = new GroupTable(specs.entries, byName, store, positions)
    this.listings = new GroupTable(specs.listings, byNumber, store, positions)
    this.links = new GroupTable(specs.links, byName, store, positions)
    const extents = new GroupTable(specs.extents, byNumber, store, positions)
    this.extents = new ExtentMap(extents, specs.extents.memory)
    this.graves = new IdTable(specs.graves, store, positions)
    this.cutOff = new CutOff(specs.remains, store, positions)
    this.usages = new IdTable(specs.usage, store, positions)
    const control = new IdTable(specs.control, store, positions)
    this.control = new Control(control)
    this.replies = new Replies(store)
    this.tables = [
      this.inodes,
      this.entries,
      this.listings,
      this.links,
      extents,
      this.graves,
      this.cutOff.table,
      this.usages,
      control,
    ] as const
  }

  apply(record: JournalRecord): void {
    if (record.seq !== this.seq + 1) {
      throw new WorldError(`record ${record.seq} does not follow ${this.seq}`)
    }
    this.foldEvents(record.events, record)
    this.replies.fold(record)
    this.seq = record.seq
  }

  /** Folds what the record that was folded last says since: `events` are that, and no more. */
  amend(record: JournalRecord, events: readonly Event[]): void {
    if (record.seq !== this.seq) throw new WorldError(`record ${record.seq} is not ${this.seq}`)
    this.foldEvents(events, record)
  }

  private foldEvents(events: readonly Event[], record: JournalRecord): void {
    for (let i = 0; i < events.length; i++) {
      const event = events[i] as (typeof events)[number]
      folds[event.type](this, event as never, record)
    }
  }

  /** Where the store is. */
  get stored(): Checkpoint {
    return this.checkpoint
  }

  /** A share's tree as it is now. */
  live(share: number): TreeView {
    let view = this.views.get(share)
    if (view === undefined) {
      view = this.overlaid(new LiveView(this, share))
      this.views.set(share, view)
    }
    return view
  }

  private overlaid(own: TreeView): TreeView {
    const base = this.control.shares.get(own.share)?.base
    return base === undefined ? own : new ForkView(own, this.asOf(base.share, base.seq), base)
  }

  /** A share's tree as it was right after record `seq`. */
  asOf(share: number, seq: number): TreeView {
    const key = seq * SHARES + share
    let past = this.pastViews.get(key)
    if (past === undefined) {
      const own = new PastView(this, share, seq, this.pastMemory)
      past = { own, view: this.overlaid(own) }
      if (this.pastViews.size >= PAST_VIEWS) this.dropOldest()
    } else {
      this.pastViews.delete(key)
    }
    this.pastViews.set(key, past)
    return past.view
  }

  private dropOldest(): void {
    for (const [key, { own }] of this.pastViews) {
      this.pastViews.delete(key)
      this.pastMemory.drop(own)
      return
    }
  }

  /** The same, to look at once: many moments in a row must not push out those that are in use. */
  glance(share: number, seq: number): TreeView {
    const known = this.pastViews.get(seq * SHARES + share)
    return known?.view ?? this.overlaid(new PastView(this, share, seq, new PastMemory(GLANCED)))
  }

  /** Extents of a file whose content lies in another share, as of the moment it was forked at. */
  pastExtents({ content, contentShare, contentSeq, size }: Inode, from: number, to: number) {
    const [group, end] = [nodeId(contentShare, content), Math.min(to, size)]
    return this.extents.overlappingAsOf(group, from, end, contentSeq)
  }

  /** See ExtentMap.few; `inode` is a live one of the share, on an extent map of its own. */
  fewExtents(share: number, { content }: Inode, from: number, to: number, most: number) {
    return this.extents.few(nodeId(share, content), from, to, most)
  }

  /** What a live file's sums are when it is cut at `size`; at once when they are counted. */
  keptSums(share: number, file: Inode, size: number): ContentDelta {
    const lost = this.extents.cutOff(nodeId(share, file.content), size, file.size)
    const a = (file.contentA - lost.a) >>> 0
    const b = (file.contentB - lost.b) >>> 0
    return { used: file.used - lost.used, a, b }
  }

  /** How far a sweep of at most so many extents of what was cut off comes. */
  sweepEnd(share: number, content: number, most: number): number | undefined {
    const id = nodeId(share, content)
    const remains = this.cutOff.get(id)
    return remains && this.extents.sweepEnd(id, remains.from, remains.end, most)
  }

  /** An extent map is nobody's from record `seq` on; the past refers to it until retention ends. */
  bury(content: number, seq: number): void {
    this.graves.put(content, 0, { since: seq }, seq)
    this.cutOff.forget(content, seq)
  }

  usage(share: number): Usage {
    return this.usages.get(nodeId(share, 0), 0) ?? NO_USAGE
  }

  changeUsage(share: number, { nextIno, inodes, bytes }: Usage, seq: number): void {
    // A fork counts from what it was told its base held: that must not bring it below nothing.
    const usage = { nextIno, inodes: Math.max(0, inodes), bytes: Math.max(0, bytes) }
    this.usages.put(nodeId(share, 0), 0, usage, seq)
  }

  /**
   * Moves all changes into the store in one transaction, with the position they amount to and what
   * else is to change with it. `hash` is that of the frame that ends here.
   */
  flush(hash: Buffer, alongside?: (writer: StoreWriter) => void): Checkpoint {
    const checkpoint = {
      seq: this.seq,
      hash: hash.latin1Slice(0, hash.length),
      digests: copied(this.checkpoint.digests),
    }
    const digests = digestsOf(checkpoint.digests)
    this.store.commit((writer) => {
      for (const table of this.tables) table.flushTo(writer, digests)
      this.replies.flushTo(writer, digests)
      alongside?.(writer)
      for (const share of this.forgotten.keys()) writeHorizon(writer, share, this.horizon(share))
      writeCheckpoint(writer, checkpoint)
    })
    this.store.refresh()
    this.horizons = readHorizons(this.store)
    this.forgotten.clear()
    this.onFlushed(checkpoint)
    return checkpoint
  }

  /**
   * The store, which another world writes, holds everything up to this checkpoint. News that come
   * after the store was looked at, and found further, are none: rows that are clean must stay so.
   */
  onFlushed(checkpoint: Checkpoint): void {
    if (checkpoint.seq < this.checkpoint.seq) return
    this.checkpoint = checkpoint
    this.positions.flushed = checkpoint.seq
    this.store.refresh()
    for (const table of this.tables) table.onFlushed()
    this.replies.onFlushed(checkpoint.seq)
  }

  /** Digest of all state, of each share and of the control plane (as share 0), as folded so far. */
  digests(): Map<number, Digest> {
    this.store.refresh()
    // The follower may be further than it has said: memory counts on top of what the store is now.
    const stored = readCheckpoint(this.store)
    if (stored.seq > this.checkpoint.seq) this.onFlushed(stored)
    const current = copied(this.checkpoint.digests)
    const digests = digestsOf(current)
    for (const table of this.tables) table.digestInto(digests)
    this.replies.digestInto(digests)
    for (const { id, deleted } of this.control.shares.values()) {
      if (deleted !== 0) current.delete(id)
    }
    return current
  }

  digest(): string {
    const all = [...this.digests()].sort(([a], [b]) => a - b)
    return all.map(([share, digest]) => `${share}:${digest}`).join(' ')
  }

  /** Rows in memory that do not equal the store's: always none, or a fold is wrong. */
  *divergences(): Iterable<string> {
    this.digests()
    for (const table of this.tables) yield* table.divergences()
  }

  /** The last record of a share that is forgotten; moments after it can be looked at. */
  horizon(share: number): number {
    return Math.max(this.horizons.get(share) ?? 0, this.forgotten.get(share) ?? 0)
  }

  /** Nothing may be made to rely on what was before this record any more. */
  forget(share: number, seq: number): void {
    this.forgotten.set(share, Math.max(seq, this.forgotten.get(share) ?? 0))
  }

  /** Extent maps and shares that the store does not have any more leave memory too. */
  erase({ contents, shares }: Erased): void {
    if (contents.length === 0 && shares.length === 0) return
    const [dead, closed] = [new Set(contents), new Set(shares)]
    const share = (group: number) => closed.has(shareOf(group))
    // A content is numbered as the inode is that it was the first of, which may well be there.
    const content = (group: number) => dead.has(group) || share(group)
    for (const table of this.tables) table.erase(share)
    this.extents.erase(content)
    this.graves.erase(content)
    this.cutOff.erase(share)
  }

  /** Slots that wait for the follower. */
  dirtyCount(): number {
    return this.tables.reduce((sum, table) => sum + table.dirtyCount(), 0)
  }

  memoryWeight(): number {
    return this.tables.reduce((sum, table) => sum + table.memoryWeight(), 16 * KiB)
  }
}

const copied = (digests: ReadonlyMap<number, Digest>): Map<number, Digest> =>
  new Map([...digests].map(([share, digest]) => [share, digest.copy()]))

function digestsOf(digests: Map<number, Digest>): (share: number) => Digest {
  return (share) => {
    let digest = digests.get(share)
    if (digest === undefined) {
      digest = new Digest()
      digests.set(share, digest)
    }
    return digest
  }
}
