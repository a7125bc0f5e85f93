/**
 * Bytes of a file by where they belong in it, in memory that is used again when they are released.
 */
import { BLOCK_MAX } from '../platform/limits.ts'

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
  readonly room: Room
}

/** Who gives memory for pieces, and takes it back when nobody looks at them any more. */
export interface PieceMemory {
  take(size: number): Buffer
  give(slab: Buffer): void
}

/** Where the bytes of one chunk lie. Grows with what is put into it, and is given back whole. */
class Room {
  private readonly memory: PieceMemory
  private readonly slabs: Buffer[] = []
  private total = 0
  private used = 0

  constructor(memory: PieceMemory) {
    this.memory = memory
  }

  /** A copy: where the bytes came is needed for what comes next. */
  copy(bytes: Buffer): Buffer {
    let slab = this.slabs.at(-1)
    if (slab === undefined || this.used + bytes.length > slab.length) {
      const wanted = Math.min(2 * (slab?.length ?? 0), BLOCK_MAX - this.total)
      slab = this.memory.take(Math.max(bytes.length, wanted))
      this.slabs.push(slab)
      this.total += slab.length
      this.used = 0
    }
    const copy = slab.subarray(this.used, this.used + bytes.length)
    bytes.copy(copy)
    this.used += bytes.length
    return copy
  }

  release(): void {
    for (const slab of this.slabs) this.memory.give(slab)
    this.slabs.length = 0
  }
}

/** Pieces by the chunk that they lie in. */
export class Pieces {
  private readonly memory: PieceMemory
  readonly chunks = new Map<number, Chunk>()
  bytes = 0
  /** Chunks that are covered completely. */
  full = 0
  /** Where the last piece that was ever put ends. */
  end = 0

  constructor(memory: PieceMemory) {
    this.memory = memory
  }

  get empty(): boolean {
    return this.bytes === 0
  }

  /** Takes a copy in. */
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
      chunk = { pieces: [], bytes: 0, room: new Room(this.memory) }
      this.chunks.set(index, chunk)
    }
    const piece = pieceOf(offset, chunk.room.copy(bytes))
    this.change(index, chunk, offset, offset + bytes.length, piece)
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
    if (chunk.bytes > 0) return
    this.chunks.delete(index)
    chunk.room.release()
  }

  /** Gives all memory back: nothing is here any more. */
  release(): void {
    for (const { room } of this.chunks.values()) room.release()
    this.chunks.clear()
    this.bytes = 0
    this.full = 0
  }

  /** Moves the chunks that are covered completely out of here. */
  takeFull(): Pieces {
    const taken = new Pieces(this.memory)
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
