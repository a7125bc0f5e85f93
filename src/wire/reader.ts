import { WireError } from './wire-error.ts'

/**
 * A cursor over received bytes. One Reader lives as long as its connection and is pointed at each
 * message with `reset`, because a DataView costs more to make than most messages cost to decode.
 *
 * Everything it returns as bytes is a view of the message, valid only while the caller owns it.
 */
export class Reader {
  bytes: Buffer
  view: DataView
  /** Next byte to read. */
  pos = 0
  /** First byte that is not part of the message. */
  end = 0
  /** Where offsets inside the message count from (SMB). */
  base = 0

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.end = bytes.length
  }

  reset(bytes: Buffer, start = 0, end = bytes.length): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes
      // byteLength, since a store may hand out one buffer again and again with another `length`.
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.pos = start
    this.base = start
    this.end = end
  }

  get remaining(): number {
    return this.end - this.pos
  }

  /** Claims `size` bytes and returns where they start: one bounds check for a run of fields. */
  take(size: number): number {
    const start = this.pos
    if (size > this.end - start) throw truncated(size, this.end - start)
    this.pos = start + size
    return start
  }

  /** Like `take`, for data that XDR pads to four bytes. The padding must be there. */
  takePadded(size: number): number {
    const start = this.pos
    const padded = (size + 3) & ~3
    if (padded > this.end - start) throw truncated(padded, this.end - start)
    this.pos = start + padded
    return start
  }

  u32(): number {
    return this.view.getUint32(this.take(4))
  }

  count(max: number): number {
    const n = this.u32()
    if (n > max) throw new WireError(`length ${n} is over the limit of ${max}`)
    return n
  }

  opaque(max: number): Buffer {
    const size = this.count(max)
    const start = this.takePadded(size)
    return this.bytes.subarray(start, start + size)
  }

  /** Passes over what `opaque` would return. */
  skipOpaque(max: number): void {
    this.takePadded(this.count(max))
  }

  fixed(size: number): Buffer {
    const start = this.takePadded(size)
    return this.bytes.subarray(start, start + size)
  }

  /** One character per byte (latin1): lossless for names in any encoding, and cheap to compare. */
  byteString(max: number): string {
    const size = this.count(max)
    const start = this.takePadded(size)
    return this.bytes.latin1Slice(start, start + size)
  }

  text(max: number): string {
    const size = this.count(max)
    const start = this.takePadded(size)
    return this.bytes.utf8Slice(start, start + size)
  }

  /** LEB128: seven bits a byte, the lowest first; at most eight bytes, up to 2^53-1. */
  varuint(): number {
    const bytes = this.bytes
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      const byte = bytes[this.take(1)] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 128
    }
    throw new WireError('integer above 2^53-1')
  }

  varstring(): string {
    const size = this.varuint()
    const start = this.take(size)
    return this.bytes.latin1Slice(start, start + size)
  }

  /** RFC 4506 section 4.4: an enumeration of 0 and 1, and nothing else. */
  bool(): boolean {
    const n = this.u32()
    if (n > 1) throw this.badTag('bool', n)
    return n === 1
  }

  badTag(type: string, tag: number): WireError {
    return new WireError(`${type}: no such value as ${tag}`)
  }

  /** Bytes that lie elsewhere in the message: `offset` from `base`. */
  referred(offset: number, length: number, max: number): Buffer {
    if (length > max) throw new WireError(`length ${length} is over the limit of ${max}`)
    if (length === 0) return EMPTY
    const start = this.base + offset
    // Offsets may only point behind what was read so far: a field cannot alias the fixed part.
    if (start < this.pos || length > this.end - start) {
      throw new WireError(`${length} bytes at offset ${offset} are outside the message`)
    }
    return this.bytes.subarray(start, start + length)
  }
}

const EMPTY = Buffer.alloc(0)

function truncated(wanted: number, have: number): WireError {
  return new WireError(`message ends early: ${wanted} bytes wanted, ${have} left`)
}
