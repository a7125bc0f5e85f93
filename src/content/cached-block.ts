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
  /** Where `whole` lies in memory that is used again (fresh-ring.ts); negative elsewhere. */
  place = -1

  constructor(id: string, length: number) {
    this.id = id
    this.length = length
  }

  /** Bytes [offset, offset + length) when they are here as one piece; the caller's to keep. */
  piece(offset: number, length: number): Buffer | undefined {
    if (this.whole !== undefined) {
      const piece = this.whole.subarray(offset, offset + length)
      return this.place < 0 ? piece : Buffer.from(piece)
    }
    const first = Math.floor(offset / CHECKED)
    const granule = this.granules[first]
    const start = offset - first * CHECKED
    if (granule === undefined || start + length > granule.length) return undefined
    return granule.subarray(start, start + length)
  }
}
