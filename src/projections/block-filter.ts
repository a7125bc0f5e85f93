/**
 * A Bloom filter over the keys of one block of records. It is filled at its largest and then halved
 * as often as its keys allow, so that its size fits what is in it without counting them first.
 */
const FULL_BYTES = 8192
const LEAST_BYTES = 64
const HASHES = 6
/** Part of the bits that may be set: with six hashes less than one test in a thousand is wrong. */
const FILL = 0.3
const FULL_MASK = FULL_BYTES * 8 - 1

const ones = new Uint8Array(256)
for (let i = 1; i < 256; i++) ones[i] = (ones[i >> 1] as number) + (i & 1)

/** How far apart a key's bits are: odd, so that they are different ones. */
const stepOf = (key: number): number => (key >>> 16) | (key << 16) | 1

export class BlockFilter {
  /** Bit `p` is bit `p & 7` of byte `p >>> 3`. */
  private readonly bytes = Buffer.alloc(FULL_BYTES)

  add(key: number): void {
    const { bytes } = this
    const step = stepOf(key)
    let at = key
    for (let i = 0; i < HASHES; i++) {
      const bit = at & FULL_MASK
      bytes[bit >>> 3] = (bytes[bit >>> 3] as number) | (1 << (bit & 7))
      at = (at + step) | 0
    }
  }

  clear(): void {
    this.bytes.fill(0)
  }

  /** All of it, to go on with later. A copy. */
  unfinished(): Buffer {
    return Buffer.from(this.bytes)
  }

  /** Goes on with what `unfinished` gave. False: it is something else. */
  resume(bytes: Buffer): boolean {
    if (bytes.length !== FULL_BYTES) return false
    bytes.copy(this.bytes, 0, 0, FULL_BYTES)
    return true
  }

  /** As small as its keys allow. A copy. */
  finished(): Buffer {
    const folded = Buffer.from(this.bytes)
    const halved = Buffer.alloc(FULL_BYTES / 2)
    let size = FULL_BYTES
    for (let half = size / 2; half >= LEAST_BYTES; half /= 2) {
      let set = 0
      for (let i = 0; i < half; i++) {
        const both = (folded[i] as number) | (folded[i + half] as number)
        halved[i] = both
        set += ones[both] as number
      }
      if (set > half * 8 * FILL) break
      halved.copy(folded, 0, 0, half)
      size = half
    }
    return Buffer.from(folded.subarray(0, size))
  }
}

/** Whether a filter, finished or not, may have been given the key. */
export function filterHas(filter: Uint8Array, key: number): boolean {
  const mask = filter.length * 8 - 1
  const step = stepOf(key)
  let at = key
  for (let i = 0; i < HASHES; i++) {
    const bit = at & mask
    if (((filter[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false
    at = (at + step) | 0
  }
  return true
}
