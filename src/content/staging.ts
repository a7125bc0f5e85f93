/**
 * Bytes that were written and are in no block yet. They are visible to every reader at once and are
 * lost with the process, which is what UNSTABLE (RFC 1813 section 3.3.7) promises. Pieces that are
 * being sealed are never changed: what is written meanwhile goes into pieces of its own.
 */
import type { Instant } from '../platform/clock.ts'
import { MiB } from '../platform/limits.ts'
import { MemoryPool } from './memory-pool.ts'
import { type Piece, type PieceMemory, Pieces } from './pieces.ts'

/** Who wrote, as the record of the seal will say it (journal/record.ts: Origin). */
export interface WriteOrigin {
  readonly op: number
  readonly client: number
  readonly uid: number
  readonly gid: number
  readonly xid: number
  readonly checksum: number
}

export class StagedFile {
  readonly share: number
  readonly ino: number
  /** Written and not taken up by a seal yet. */
  fresh: Pieces
  /** Being sealed: still to be read, under the fresh ones. */
  sealing: Pieces | undefined
  /** When the last of it was written, until somebody sets the times explicitly. */
  mtime: Instant | undefined
  /** Whose the last write was. */
  origin: WriteOrigin
  /** Milliseconds: the first write that is not sealed, and the last. */
  since = 0
  touched = 0
  /** Bytes put into `fresh`, also those that others have replaced since. */
  churn = 0

  constructor(share: number, ino: number, origin: WriteOrigin, fresh: Pieces) {
    this.fresh = fresh
    this.share = share
    this.ino = ino
    this.origin = origin
  }

  get bytes(): number {
    return this.fresh.bytes + (this.sealing?.bytes ?? 0)
  }

  /** Where the file ends at least. */
  get end(): number {
    return Math.max(this.fresh.end, this.sealing?.end ?? 0)
  }

  /** Whether much memory may be held by pieces that little is left of. */
  get crumbled(): boolean {
    return this.churn > CRUMBLED && this.churn > 4 * this.fresh.bytes
  }

  overlaps(from: number, to: number): boolean {
    return this.fresh.overlaps(from, to) || (this.sealing?.overlaps(from, to) ?? false)
  }

  /** Pieces that overlap [from, to), in the order in which they are to be laid over each other. */
  *overlapping(from: number, to: number): Iterable<Piece> {
    if (this.sealing !== undefined) yield* this.sealing.overlapping(from, to)
    yield* this.fresh.overlapping(from, to)
  }

  overlay(from: number, into: Buffer): void {
    this.sealing?.overlay(from, into)
    this.fresh.overlay(from, into)
  }
}

const CRUMBLED = 64 * MiB
const POOLED = 256 * MiB
/** Pieces of memory that wait for readers; there are always some where much is read. */
const RELEASED_MAX = 256

/** All files that have staged bytes. */
export class Staging implements PieceMemory {
  private readonly files = new Map<number, StagedFile>()
  private readonly perShare = new Map<number, number>()
  private readonly pool: MemoryPool
  private total = 0
  /**
   * How many look at staged bytes while they wait for something, and what was released under them.
   */
  private readers = 0
  private released: Buffer[] = []
  /** Called when memory has come back that readers had kept. */
  onReleased: () => void = () => undefined

  /** `pooled`: bytes of memory that are kept to be used again. */
  constructor(pooled = POOLED) {
    this.pool = new MemoryPool(pooled)
  }

  take(size: number): Buffer {
    return this.pool.take(size)
  }

  give(slab: Buffer): void {
    if (this.readers === 0) this.pool.give(slab)
    else if (this.released.length < RELEASED_MAX) this.released.push(slab)
    else this.pool.leave(slab)
  }

  /**
   * Until the function that it returns is called, no memory of staged bytes is used again: for who
   * holds pieces while he waits for something else.
   */
  hold(): () => void {
    this.readers += 1
    return () => {
      this.readers -= 1
      if (this.readers > 0 || this.released.length === 0) return
      for (const slab of this.released) this.pool.give(slab)
      this.released = []
      this.onReleased()
    }
  }

  get bytes(): number {
    return this.total
  }

  /** What they take: also room that nothing is in yet, or that others have written over. */
  get memory(): number {
    return this.pool.inUse
  }

  get size(): number {
    return this.files.size
  }

  bytesOf(share: number): number {
    return this.perShare.get(share) ?? 0
  }

  find(id: number): StagedFile | undefined {
    return this.files.get(id)
  }

  all(): IterableIterator<[number, StagedFile]> {
    return this.files.entries()
  }

  /** Takes bytes in. `now` in milliseconds. */
  write(
    id: number,
    share: number,
    ino: number,
    offset: number,
    bytes: Buffer,
    at: Instant,
    now: number,
    origin: WriteOrigin,
  ): StagedFile {
    let file = this.files.get(id)
    if (file === undefined) {
      file = new StagedFile(share, ino, origin, new Pieces(this))
      this.files.set(id, file)
    }
    const before = file.fresh.bytes
    if (before === 0) file.since = now
    file.touched = now
    file.origin = origin
    file.mtime = at
    if (file.fresh.overwrite(offset, bytes)) return file
    file.fresh.put(offset, bytes)
    file.churn += bytes.length
    this.count(share, file.fresh.bytes - before)
    return file
  }

  private count(share: number, difference: number): void {
    this.total += difference
    this.perShare.set(share, this.bytesOf(share) + difference)
  }

  discard(id: number, from: number, to: number): void {
    this.change(id, (file) => file.fresh.discard(from, to))
  }

  truncate(id: number, size: number): void {
    this.change(id, (file) => file.fresh.truncate(size))
  }

  private change(id: number, change: (file: StagedFile) => void): void {
    const file = this.files.get(id)
    if (file === undefined) return
    const before = file.fresh.bytes
    change(file)
    this.count(file.share, file.fresh.bytes - before)
    this.settle(id, file)
  }

  /** Moves the fresh pieces to where a seal works on them: all, or only chunks that are full. */
  beginSeal(file: StagedFile, fullOnly: boolean): Pieces {
    const pieces = fullOnly ? file.fresh.takeFull() : file.fresh
    file.sealing = pieces
    file.churn = 0
    if (!fullOnly) file.fresh = new Pieces(this)
    return pieces
  }

  /** The sealed bytes are in the file's extents now. */
  endSeal(id: number, file: StagedFile): void {
    this.count(file.share, -(file.sealing?.bytes ?? 0))
    file.sealing?.release()
    file.sealing = undefined
    this.settle(id, file)
  }

  /** Sealing failed: its pieces are fresh again, under what was written since. */
  undoSeal(file: StagedFile): void {
    const pieces = file.sealing
    if (pieces === undefined) return
    const before = file.bytes
    const newer = file.fresh
    file.fresh = pieces
    file.sealing = undefined
    for (const { pieces: some } of newer.chunks.values()) {
      for (const { offset, bytes } of some) file.fresh.put(offset, bytes)
    }
    newer.release()
    this.count(file.share, file.bytes - before)
  }

  /** The file is gone. */
  drop(id: number): void {
    const file = this.files.get(id)
    if (file === undefined) return
    this.count(file.share, -file.fresh.bytes)
    file.fresh.release()
    file.fresh.end = 0
    this.settle(id, file)
  }

  private settle(id: number, file: StagedFile): void {
    if (file.fresh.empty && file.sealing === undefined) this.files.delete(id)
    if (this.bytesOf(file.share) === 0) this.perShare.delete(file.share)
  }
}
