// RFC 5531 section 11: record marking on streams.
import { KiB } from '../../platform/limits.ts'
import { RecordMemory } from './record-memory.ts'

/** A peer that breaks the framing: its connection is closed. */
export class FramingError extends Error {
  override readonly name = 'FramingError'
}

const LAST_FRAGMENT = 0x80000000
const MARK = 4
/** Fragments of one record: more is abuse. */
const FRAGMENTS_MAX = 1024
const RECEIVE_SIZE = 64 * KiB
/** So much of a record that is still to come is received where it belongs. */
const DIRECT_FROM = 16 * KiB

/**
 * What becomes of a record: bytes [start, end) of a buffer, which go for other uses when this
 * returns, unless it calls `keep`. False: take no more until `resume`.
 */
export type OnRecord = (bytes: Buffer, start: number, end: number) => boolean

/**
 * Cuts a stream of bytes into records. It says where bytes from the network should go: one buffer
 * that is used again and again, or right into a long record that is under way.
 */
export class RecordReader {
  private readonly limit: number
  private readonly onRecord: OnRecord
  private receive: Buffer | undefined
  /** Bytes of a fragment mark that a buffer ended in. */
  private mark = 0
  private markBytes = 0
  /** The record under way, when it does not lie in one buffer. */
  private partial: Buffer | undefined
  private filled = 0
  private last = false
  /** Bytes of the present fragment still to come. */
  private missing = 0
  private fragments = 0
  /** What came and was not looked at yet: bytes [restAt, restEnd). */
  private rest: Buffer | undefined
  private restAt = 0
  private restEnd = 0
  private stopped = false
  private kept = false
  private chunkKept = false

  constructor(limit: number, onRecord: OnRecord) {
    this.limit = limit
    this.onRecord = onRecord
  }

  /** Whether records wait for `resume`. Nothing may be received while they do. */
  get waiting(): boolean {
    return this.rest !== undefined
  }

  /**
   * Where the next bytes from the network may go. The runtime asks for it as soon as it has handed
   * over the last bytes and uses it whenever it reads again, so it must be right even when records
   * that wait are looked at in between.
   */
  room(): Buffer {
    if (this.waiting) {
      if (this.rest === this.receive) this.receive = undefined
      this.receive ??= Buffer.allocUnsafeSlow(RECEIVE_SIZE)
      return this.receive
    }
    if (this.missing >= DIRECT_FROM && this.partial !== undefined) {
      return this.partial.subarray(this.filled, this.filled + this.missing)
    }
    this.receive ??= Buffer.allocUnsafeSlow(RECEIVE_SIZE)
    return this.receive
  }

  /** `size` bytes have come into what `room` returned. Throws FramingError. */
  received(room: Buffer, size: number): void {
    if (room === this.receive) this.push(room, size)
    else {
      this.filled += size
      this.missing -= size
      this.stopped = false
      if (this.missing === 0) this.fragmentDone()
    }
  }

  /** Of the record in hand: its bytes are still needed when `onRecord` has returned. */
  keep(): void {
    this.kept = true
  }

  /** Goes on where a record was answered with false. Throws FramingError. */
  resume(): void {
    const { rest } = this
    this.rest = undefined
    if (rest !== undefined) this.pushFrom(rest, this.restAt, this.restEnd)
  }

  /** Bytes [0, end) of a buffer have come. Throws FramingError. */
  push(bytes: Buffer, end = bytes.length): void {
    this.pushFrom(bytes, 0, end)
  }

  private pushFrom(bytes: Buffer, start: number, end: number): void {
    this.stopped = false
    let at = start
    while (at < end) {
      if (this.stopped) {
        this.rest = bytes
        this.restAt = at
        this.restEnd = end
        return
      }
      if (this.missing > 0) at = this.take(bytes, at, end)
      else at = this.next(bytes, at, end)
    }
    if (this.chunkKept && bytes === this.receive) this.receive = undefined
    this.chunkKept = false
  }

  /** At the start of a fragment, or in its mark. Returns where to go on. */
  private next(bytes: Buffer, start: number, end: number): number {
    if (this.markBytes === 0 && end - start >= MARK) {
      const mark = bytes.readUInt32BE(start)
      const length = mark & ~LAST_FRAGMENT
      const at = start + MARK
      const last = mark >= LAST_FRAGMENT
      if (last && this.partial === undefined && length <= end - at) {
        this.whole(bytes, at, length)
        return at + length
      }
      this.begin(length, last)
      return at
    }
    this.mark = ((this.mark << 8) | (bytes[start] as number)) >>> 0
    this.markBytes += 1
    if (this.markBytes === MARK) {
      const mark = this.mark
      this.mark = 0
      this.markBytes = 0
      this.begin(mark & ~LAST_FRAGMENT, mark >= LAST_FRAGMENT)
    }
    return start + 1
  }

  private whole(bytes: Buffer, start: number, length: number): void {
    if (length > this.limit) throw this.tooLong(length)
    if (length === 0) throw new FramingError('empty record')
    this.kept = false
    this.stopped = !this.onRecord(bytes, start, start + length)
    if (this.kept) this.chunkKept = true
  }

  private begin(length: number, last: boolean): void {
    const total = this.filled + length
    if (total > this.limit) throw this.tooLong(total)
    this.fragments += 1
    if (this.fragments > FRAGMENTS_MAX) throw new FramingError('too many fragments')
    if (this.partial === undefined) this.partial = RecordMemory.take(length, this.limit)
    else if (this.partial.length < total) this.grow(total)
    this.last = last
    this.missing = length
    if (length === 0) this.fragmentDone()
  }

  private grow(total: number): void {
    // At least doubled: many small fragments must not make it copy again and again.
    const size = Math.min(this.limit, Math.max(total, 2 * (this.partial?.length ?? 0)))
    const larger = Buffer.allocUnsafeSlow(size)
    this.partial?.copy(larger, 0, 0, this.filled)
    this.partial = larger
  }

  private take(bytes: Buffer, at: number, end: number): number {
    const n = Math.min(this.missing, end - at)
    bytes.copy(this.partial as Buffer, this.filled, at, at + n)
    this.filled += n
    this.missing -= n
    if (this.missing === 0) this.fragmentDone()
    return at + n
  }

  private fragmentDone(): void {
    if (!this.last) return
    const record = this.partial as Buffer
    const length = this.filled
    this.partial = undefined
    this.filled = 0
    this.fragments = 0
    this.last = false
    if (length === 0) throw new FramingError('empty record')
    this.kept = false
    this.stopped = !this.onRecord(record, 0, length)
    if (!this.kept) RecordMemory.give(record)
  }

  private tooLong(length: number): FramingError {
    return new FramingError(`record of ${length} bytes is over the limit of ${this.limit}`)
  }
}
