import { CHECKED } from './block.ts'

/** A block in memory, whole or in the granules that were read of it. */
export class CachedBlock {
  readonly id: string
  readonly length: number
  /** All of it, or undefined while only granules are here. */
  whole: Buffer | undefined
  granules: (Buffer | undefined)[] = []
  /** Of the granules, once the header was read. */
  checksums: readonly number[] | undefined
  /** While somebody counts on it, it stays. */
  pins = 0
  used = false
  weight = 0
  /** On the clock, a ring: who comes behind it, and who before. */
  next: CachedBlock
  previous: CachedBlock

  constructor(id: string, length: number) {
    this.id = id
    this.length = length
    this.next = this
    this.previous = this
  }

  /** Joins the ring that `next` is in. */
  enterBefore(next: CachedBlock): void {
    const { previous } = next
    this.next = next
    this.previous = previous
    previous.next = this
    next.previous = this
  }

  leave(): void {
    const { next, previous } = this
    previous.next = next
    next.previous = previous
    // Who is gone keeps nobody in memory.
    this.next = this
    this.previous = this
  }

  /** Bytes [offset, offset + length) when they are here as one piece; the caller's to keep. */
  piece(offset: number, length: number): Buffer | undefined {
    if (this.whole !== undefined) return this.whole.subarray(offset, offset + length)
    const first = Math.floor(offset / CHECKED)
    const granule = this.granules[first]
    const start = offset - first * CHECKED
    if (granule === undefined || start + length > granule.length) return undefined
    return granule.subarray(start, start + length)
  }
}
