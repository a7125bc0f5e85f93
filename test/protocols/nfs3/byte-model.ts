/**
 * What a file's bytes may be, now and behind a crash: RFC 1813 sections 3.3.7 and 3.3.21. What was
 * committed or written stable is there; of what was not, each byte is old or new.
 */
import assert from 'node:assert/strict'

interface Pending {
  readonly offset: number
  readonly data: Buffer
}

/** Parts of a write outside [from, to). */
function outside({ offset, data }: Pending, from: number, to: number): Pending[] {
  const end = offset + data.length
  const parts: Pending[] = []
  if (offset < from) parts.push({ offset, data: data.subarray(0, from - offset) })
  if (end > to) {
    const start = Math.max(offset, to)
    parts.push({ offset: start, data: data.subarray(start - offset) })
  }
  return parts.filter((part) => part.data.length > 0)
}

export class ByteModel {
  /** Everything before it is a hole that is never written to. */
  readonly base: number
  readonly capacity: number
  size = 0
  private live: Buffer
  private stable: Buffer
  private stableSize = 0
  private pending: Pending[] = []

  constructor(base: number, capacity: number) {
    this.base = base
    this.capacity = capacity
    this.live = Buffer.alloc(capacity)
    this.stable = Buffer.alloc(capacity)
  }

  /** A write was acknowledged, to stable storage or not. Offsets count from the file's start. */
  write(offset: number, data: Buffer, stable: boolean): void {
    if (data.length === 0) return
    const at = offset - this.base
    const end = offset + data.length
    data.copy(this.live, at)
    this.size = Math.max(this.size, end)
    if (!stable) {
      this.pending.push({ offset, data })
      return
    }
    this.pending = this.pending.flatMap((write) => outside(write, offset, end))
    data.copy(this.stable, at)
    this.stableSize = Math.max(this.stableSize, end)
  }

  /** A write that was sent and not acknowledged: it may have happened. */
  maybeWritten(offset: number, data: Buffer): void {
    this.write(offset, data, false)
  }

  /** A change of size is stable, and what lies behind it is void. */
  resize(size: number): void {
    const at = Math.max(0, size - this.base)
    this.live.fill(0, at)
    this.stable.fill(0, at)
    this.pending = this.pending.flatMap((write) => outside(write, size, Number.MAX_SAFE_INTEGER))
    this.size = size
    this.stableSize = size
  }

  commit(): void {
    this.live.copy(this.stable)
    this.stableSize = this.size
    this.pending = []
  }

  /** What a read of this range returns while the server lives. */
  read(offset: number, count: number): Buffer {
    const end = Math.min(this.size, offset + count)
    if (end <= offset) return Buffer.alloc(0)
    const bytes = Buffer.alloc(end - offset)
    const from = Math.max(offset, this.base)
    if (end > from) {
      this.live.copy(bytes, from - offset, from - this.base, end - this.base)
    }
    return bytes
  }

  /**
   * Behind a crash the file has this size, and these bytes from `base` on. Throws when that is
   * impossible; goes on from there otherwise.
   */
  recovered(size: number, bytes: Buffer): void {
    assert.ok(size >= this.stableSize, `size ${size}, of which ${this.stableSize} were stable`)
    assert.ok(size <= this.size, `size ${size}, but never more than ${this.size} were written`)
    assert.equal(bytes.length, Math.max(0, size - this.base))
    const wrong = this.firstWrong(bytes)
    if (wrong !== undefined) {
      const offset = this.base + wrong
      const expected = `stable ${this.stable[wrong]}, written [${this.writtenAt(offset)}]`
      assert.fail(`offset ${offset} is ${bytes[wrong]}, neither stable nor written: ${expected}`)
    }
    this.size = size
    this.stableSize = size
    this.live.fill(0)
    bytes.copy(this.live)
    this.live.copy(this.stable)
    this.pending = []
  }

  /** The first byte that is neither stable nor what an unstable write may have made it. */
  private firstWrong(bytes: Buffer): number | undefined {
    const right = new Uint8Array(bytes.length)
    for (let at = 0; at < bytes.length; at++) right[at] = bytes[at] === this.stable[at] ? 1 : 0
    for (const { offset, data } of this.pending) {
      const from = offset - this.base
      const to = Math.min(bytes.length, from + data.length)
      for (let at = from; at < to; at++) if (bytes[at] === data[at - from]) right[at] = 1
    }
    const wrong = right.indexOf(0)
    return wrong === -1 ? undefined : wrong
  }

  private writtenAt(at: number): string {
    return this.pending
      .filter(({ offset, data }) => at >= offset && at < offset + data.length)
      .map(({ offset, data }) => data[at - offset])
      .join(', ')
  }
}
