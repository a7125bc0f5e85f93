// RFC 5531 section 11: record marking on streams.

/** A peer that breaks the framing: its connection is closed. */
export class FramingError extends Error {
  override readonly name = 'FramingError'
}

const LAST_FRAGMENT = 0x80000000
const MARK = 4
/** Fragments of one record: more is abuse. */
const FRAGMENTS_MAX = 1024

/**
 * What becomes of a record: bytes [start, end) of a buffer, valid as long as who gets it wants. False:
 * take no more until `resume`.
 */
export type OnRecord = (bytes: Buffer, start: number, end: number) => boolean

/**
 * Cuts a stream of bytes into records. A record that lies whole in one buffer from the network is
 * handed on where it lies; others are put together, each byte copied once.
 */
export class RecordReader {
  private readonly limit: number
  private readonly onRecord: OnRecord
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
  /** What came and was not looked at yet. */
  private rest: Buffer | undefined
  private stopped = false

  constructor(limit: number, onRecord: OnRecord) {
    this.limit = limit
    this.onRecord = onRecord
  }

  /** Bytes held for a record that is not complete. */
  get held(): number {
    return this.partial?.length ?? 0
  }

  /** Whether records wait for `resume`. */
  get waiting(): boolean {
    return this.rest !== undefined
  }

  /** Goes on where a record was answered with false. Throws FramingError. */
  resume(): void {
    const { rest } = this
    this.rest = undefined
    if (rest !== undefined) this.push(rest)
  }

  /** Throws FramingError. */
  push(bytes: Buffer): void {
    this.stopped = false
    let at = 0
    const end = bytes.length
    while (at < end) {
      if (this.stopped) {
        this.rest = bytes.subarray(at)
        return
      }
      if (this.missing > 0) {
        at = this.take(bytes, at)
        continue
      }
      if (this.markBytes === 0 && end - at >= MARK) {
        const mark = bytes.readUInt32BE(at)
        const length = mark & ~LAST_FRAGMENT
        at += MARK
        const last = mark >= LAST_FRAGMENT
        if (last && this.partial === undefined && length <= end - at) {
          this.whole(bytes, at, length)
          at += length
          continue
        }
        this.begin(length, last)
        continue
      }
      this.mark = ((this.mark << 8) | (bytes[at] as number)) >>> 0
      at += 1
      this.markBytes += 1
      if (this.markBytes < MARK) continue
      const mark = this.mark
      this.mark = 0
      this.markBytes = 0
      this.begin(mark & ~LAST_FRAGMENT, mark >= LAST_FRAGMENT)
    }
  }

  private whole(bytes: Buffer, start: number, length: number): void {
    if (length > this.limit) throw this.tooLong(length)
    if (length === 0) throw new FramingError('empty record')
    this.stopped = !this.onRecord(bytes, start, start + length)
  }

  private begin(length: number, last: boolean): void {
    const total = this.filled + length
    if (total > this.limit) throw this.tooLong(total)
    this.fragments += 1
    if (this.fragments > FRAGMENTS_MAX) throw new FramingError('too many fragments')
    if (this.partial === undefined) this.partial = Buffer.allocUnsafeSlow(length)
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

  private take(bytes: Buffer, at: number): number {
    const n = Math.min(this.missing, bytes.length - at)
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
    this.stopped = !this.onRecord(record, 0, length)
  }

  private tooLong(length: number): FramingError {
    return new FramingError(`record of ${length} bytes is over the limit of ${this.limit}`)
  }
}
