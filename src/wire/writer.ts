import { WireError } from './wire-error.ts'

/**
 * A growing buffer that messages are encoded into, one behind the other. Growth is bounded by
 * `limit`: a reply that does not fit is our own fault and throws, it is never cut.
 */
export class Writer {
  bytes: Buffer
  view: DataView
  pos = 0
  /** Where offsets inside the current message count from (SMB). */
  base = 0
  private readonly size: number
  private readonly limit: number

  constructor(size: number, limit: number = size) {
    this.size = size
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size)
    this.limit = limit
  }

  reset(): void {
    this.pos = 0
    this.base = 0
  }

  /** What has been written since `reset`: a view, valid until the next one. */
  written(from = 0): Buffer {
    return this.bytes.subarray(from, this.pos)
  }

  /** Gives up the buffer to the caller and goes on in a fresh one of the first size. */
  detach(): Buffer {
    const full = this.bytes.subarray(0, this.pos)
    this.bytes = Buffer.allocUnsafeSlow(this.size)
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.size)
    this.reset()
    return full
  }

  /** Claims `size` bytes and returns where they start. */
  take(size: number): number {
    const start = this.pos
    if (start + size > this.bytes.length) this.grow(start + size)
    this.pos = start + size
    return start
  }

  u32(value: number): void {
    const start = this.take(4)
    this.view.setUint32(start, value)
  }

  count(n: number, max: number): void {
    if (n > max) throw new WireError(`length ${n} is over the limit of ${max}`)
    this.u32(n)
  }

  opaque(value: Uint8Array, max: number): void {
    this.count(value.length, max)
    this.padded(value)
  }

  fixed(value: Uint8Array, size: number): void {
    if (value.length !== size) throw new WireError(`${value.length} bytes where ${size} belong`)
    this.padded(value)
  }

  raw(value: Uint8Array, size: number): void {
    if (value.length !== size) throw new WireError(`${value.length} bytes where ${size} belong`)
    const start = this.take(size)
    this.bytes.set(value, start)
  }

  byteString(value: string, max: number): void {
    const size = value.length
    this.count(size, max)
    const start = this.takePadded(size)
    const bytes = this.bytes
    if (size > 40) bytes.latin1Write(value, start, size)
    else for (let i = 0; i < size; i++) bytes[start + i] = value.charCodeAt(i)
  }

  text(value: string, max: number): void {
    const size = Buffer.byteLength(value, 'utf8')
    this.count(size, max)
    const start = this.takePadded(size)
    this.bytes.utf8Write(value, start, size)
  }

  varuint(value: number): void {
    const start = this.take(8)
    const bytes = this.bytes
    let at = start
    let rest = value
    // Bit operations are exact up to 31 bits; above them it takes divisions.
    while (rest > 0x7fffffff) {
      bytes[at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    bytes[at++] = rest
    this.pos = at
  }

  varstring(value: string): void {
    const size = value.length
    this.varuint(size)
    const start = this.take(size)
    const bytes = this.bytes
    if (size > 40) bytes.latin1Write(value, start, size)
    else for (let i = 0; i < size; i++) bytes[start + i] = value.charCodeAt(i)
  }

  badTag(type: string, tag: number): WireError {
    return new WireError(`${type}: no such value as ${tag}`)
  }

  /** Appends bytes behind the fixed part and returns their offset from `base`. */
  refer(value: Uint8Array, max: number, align: number): number {
    if (value.length > max) throw new WireError(`length ${value.length} is over ${max}`)
    if (value.length === 0) return 0
    const gap = (align - ((this.pos - this.base) % align)) % align
    const start = this.take(gap + value.length) + gap
    this.bytes.fill(0, start - gap, start)
    this.bytes.set(value, start)
    return start - this.base
  }

  /** Claims `size` bytes plus XDR's padding, which is written as zeros. */
  takePadded(size: number): number {
    const padded = (size + 3) & ~3
    const start = this.take(padded)
    for (let i = start + size; i < start + padded; i++) this.bytes[i] = 0
    return start
  }

  private padded(value: Uint8Array): void {
    // Claim first: claiming may replace `bytes`.
    const start = this.takePadded(value.length)
    this.bytes.set(value, start)
  }

  protected grow(needed: number): void {
    if (needed > this.limit) {
      throw new WireError(`message of ${needed} bytes is over the limit of ${this.limit}`)
    }
    const size = Math.min(this.limit, Math.max(needed, this.bytes.length * 2))
    const bytes = Buffer.allocUnsafeSlow(size)
    this.bytes.copy(bytes, 0, 0, this.pos)
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, size)
  }
}
