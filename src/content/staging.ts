/**
 * Bytes that were written and are in no block yet. They are visible to every reader at once and are
 * lost with the process, which is what UNSTABLE (RFC 1813 section 3.3.7) promises. Pieces that are
 * being sealed are never changed: what is written meanwhile goes into pieces of its own.
 */
import type { Instant } from '../platform/clock.ts'
import { BLOCK_MAX, KiB, MiB } from '../platform/limits.ts'

export interface Piece {
  readonly offset: number
  readonly end: number
  readonly bytes: Buffer
}

const pieceOf = (offset: number, bytes: Buffer): Piece => ({
  offset,
  end: offset + bytes.length,
  bytes,
})

/** The pieces of one block-sized part of a file: ascending, without overlap. */
export interface Chunk {
  readonly pieces: Piece[]
  bytes: number
}

/** Pieces by the chunk that they lie in. */
export class Pieces {
  readonly chunks = new Map<number, Chunk>()
  bytes = 0
  /** Chunks that are covered completely. */
  full = 0
  /** Where the last piece that was ever put ends. */
  end = 0

  get empty(): boolean {
    return this.bytes === 0
  }

  put(offset: number, bytes: Buffer): void {
    const end = offset + bytes.length
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / BLOCK_MAX)
      const stop = Math.min(end, (index + 1) * BLOCK_MAX)
      const whole = at === offset && stop === end
      this.putIn(index, at, whole ? bytes : bytes.subarray(at - offset, stop - offset))
      at = stop
    }
    if (end > this.end) this.end = end
  }

  /**
   * Writes over a piece that is exactly there already, which needs no memory: what is written again
   * and again would otherwise keep all the memory it ever had alive in crumbs.
   */
  overwrite(offset: number, bytes: Buffer): boolean {
    const pieces = this.chunks.get(Math.floor(offset / BLOCK_MAX))?.pieces
    if (pieces === undefined) return false
    const piece = pieces[firstEndingAfter(pieces, offset)]
    if (piece?.offset !== offset || piece.end !== offset + bytes.length) return false
    bytes.copy(piece.bytes)
    return true
  }

  private putIn(index: number, offset: number, bytes: Buffer): void {
    let chunk = this.chunks.get(index)
    if (chunk === undefined) {
      chunk = { pieces: [], bytes: 0 }
      this.chunks.set(index, chunk)
    }
    this.change(index, chunk, offset, offset + bytes.length, pieceOf(offset, bytes))
  }

  private change(
    index: number,
    chunk: Chunk,
    from: number,
    to: number,
    piece: Piece | undefined,
  ): void {
    const was = chunk.bytes
    const difference = replace(chunk.pieces, from, to, piece)
    chunk.bytes += difference
    this.bytes += difference
    if (was === BLOCK_MAX) this.full -= 1
    if (chunk.bytes === BLOCK_MAX) this.full += 1
    if (chunk.bytes === 0) this.chunks.delete(index)
  }

  /** Moves the chunks that are covered completely out of here. */
  takeFull(): Pieces {
    const taken = new Pieces()
    taken.end = this.end
    for (const [index, chunk] of this.chunks) {
      if (chunk.bytes !== BLOCK_MAX) continue
      this.chunks.delete(index)
      taken.chunks.set(index, chunk)
      taken.bytes += BLOCK_MAX
      this.bytes -= BLOCK_MAX
    }
    taken.full = taken.chunks.size
    this.full = 0
    return taken
  }

  /** Forgets what lies in [from, to). */
  discard(from: number, to: number): void {
    const [first, last] = [Math.floor(from / BLOCK_MAX), Math.floor((to - 1) / BLOCK_MAX)]
    const indexes =
      last - first < this.chunks.size
        ? Array.from({ length: last - first + 1 }, (_, i) => first + i)
        : [...this.chunks.keys()].filter((index) => index >= first && index <= last)
    for (const index of indexes) {
      const chunk = this.chunks.get(index)
      if (chunk !== undefined) this.change(index, chunk, from, to, undefined)
    }
  }

  truncate(size: number): void {
    if (this.end > size) this.discard(size, Math.max(size + 1, this.end))
    this.end = Math.min(this.end, size)
  }

  /** Pieces that overlap [from, to), uncut. */
  *overlapping(from: number, to: number): Iterable<Piece> {
    const last = Math.floor((to - 1) / BLOCK_MAX)
    for (let index = Math.floor(from / BLOCK_MAX); index <= last; index++) {
      const chunk = this.chunks.get(index)?.pieces
      if (chunk === undefined) continue
      for (let i = firstEndingAfter(chunk, from); i < chunk.length; i++) {
        const piece = chunk[i] as Piece
        if (piece.offset >= to) break
        yield piece
      }
    }
  }

  /** Lays the pieces over `into`, which holds the file from `from` on. */
  overlay(from: number, into: Buffer): void {
    for (const { offset, bytes } of this.overlapping(from, from + into.length)) {
      if (offset >= from) bytes.copy(into, offset - from)
      else bytes.copy(into, 0, from - offset)
    }
  }

  overlaps(from: number, to: number): boolean {
    if (this.bytes === 0) return false
    for (const _ of this.overlapping(from, to)) return true
    return false
  }
}

/** Puts `piece` in place of what lies in [from, to) and returns the difference in bytes. */
function replace(chunk: Piece[], from: number, to: number, piece: Piece | undefined): number {
  const first = firstEndingAfter(chunk, from)
  const added: Piece[] = []
  let past = first
  let removed = 0
  for (; past < chunk.length; past++) {
    const old = chunk[past] as Piece
    if (old.offset >= to) break
    removed += old.bytes.length
    if (old.offset < from) {
      added.push(pieceOf(old.offset, old.bytes.subarray(0, from - old.offset)))
    }
    if (past === first && piece !== undefined) added.push(piece)
    if (old.end > to) added.push(pieceOf(to, old.bytes.subarray(to - old.offset)))
  }
  if (past === first && piece !== undefined) added.push(piece)
  if (past === first + 1 && added.length === 1) chunk[first] = added[0] as Piece
  else chunk.splice(first, past - first, ...added)
  return added.reduce((sum, { bytes }) => sum + bytes.length, 0) - removed
}

function firstEndingAfter(chunk: readonly Piece[], offset: number): number {
  let [low, high] = [0, chunk.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((chunk[middle] as Piece).end <= offset) low = middle + 1
    else high = middle
  }
  return low
}

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
  fresh = new Pieces()
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

  constructor(share: number, ino: number, origin: WriteOrigin) {
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

const SLAB = 64 * KiB
const CRUMBLED = 64 * MiB

/** All files that have staged bytes. */
export class Staging {
  private readonly files = new Map<number, StagedFile>()
  private readonly perShare = new Map<number, number>()
  private total = 0
  private slab = Buffer.allocUnsafeSlow(SLAB)
  private used = 0

  get bytes(): number {
    return this.total
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
      file = new StagedFile(share, ino, origin)
      this.files.set(id, file)
    }
    const before = file.fresh.bytes
    if (before === 0) file.since = now
    file.touched = now
    file.origin = origin
    file.mtime = at
    if (file.fresh.overwrite(offset, bytes)) return file
    file.fresh.put(offset, this.own(bytes))
    file.churn += bytes.length
    this.count(share, file.fresh.bytes - before)
    return file
  }

  /** A copy: where the bytes came is needed for what comes next. */
  private own(bytes: Buffer): Buffer {
    if (bytes.length >= SLAB / 2) {
      const copy = Buffer.allocUnsafeSlow(bytes.length)
      bytes.copy(copy)
      return copy
    }
    if (this.used + bytes.length > SLAB) {
      this.slab = Buffer.allocUnsafeSlow(SLAB)
      this.used = 0
    }
    const copy = this.slab.subarray(this.used, this.used + bytes.length)
    bytes.copy(copy)
    this.used += bytes.length
    return copy
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
    if (!fullOnly) file.fresh = new Pieces()
    return pieces
  }

  /** The sealed bytes are in the file's extents now. */
  endSeal(id: number, file: StagedFile): void {
    this.count(file.share, -(file.sealing?.bytes ?? 0))
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
    this.count(file.share, file.bytes - before)
  }

  /** The file is gone. */
  drop(id: number): void {
    const file = this.files.get(id)
    if (file === undefined) return
    this.count(file.share, -file.fresh.bytes)
    file.fresh = new Pieces()
    this.settle(id, file)
  }

  private settle(id: number, file: StagedFile): void {
    if (file.fresh.empty && file.sealing === undefined) this.files.delete(id)
    if (this.bytesOf(file.share) === 0) this.perShare.delete(file.share)
  }
}
