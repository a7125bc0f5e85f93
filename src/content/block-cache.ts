import { CHECKED } from './block.ts'

/**
 * Blocks in memory, whole or in the granules that were read of them. Bounded by bytes with a clock
 * hand; blocks that no disk has yet are pinned. What is in here has been checked.
 */
export class CachedBlock {
  readonly id: string
  readonly length: number
  /** All of it, or undefined while only granules are here. */
  whole: Buffer | undefined
  granules: (Buffer | undefined)[] = []
  /** Of the granules, once the header was read. */
  checksums: readonly number[] | undefined
  pins = 0
  used = false
  weight = 0

  constructor(id: string, length: number) {
    this.id = id
    this.length = length
  }

  /** Bytes [offset, offset + length) when they are here as one piece. */
  piece(offset: number, length: number): Buffer | undefined {
    if (this.whole !== undefined) return this.whole.subarray(offset, offset + length)
    const first = Math.floor(offset / CHECKED)
    const granule = this.granules[first]
    const start = offset - first * CHECKED
    if (granule === undefined || start + length > granule.length) return undefined
    return granule.subarray(start, start + length)
  }
}

const ENTRY_WEIGHT = 300
const EVICTION_STEPS = 64

export class BlockCache {
  private readonly blocks = new Map<string, CachedBlock>()
  private readonly ring: CachedBlock[] = []
  private readonly memory: number
  private hand = 0
  private weight = 0

  constructor(memory: number) {
    this.memory = memory
  }

  get bytes(): number {
    return this.weight
  }

  find(id: string): CachedBlock | undefined {
    const block = this.blocks.get(id)
    if (block !== undefined) block.used = true
    return block
  }

  admit(id: string, length: number): CachedBlock {
    let block = this.blocks.get(id)
    if (block === undefined) {
      block = new CachedBlock(id, length)
      block.weight = ENTRY_WEIGHT
      this.weight += ENTRY_WEIGHT
      this.blocks.set(id, block)
      this.ring.push(block)
    }
    return block
  }

  keepWhole(block: CachedBlock, bytes: Buffer): void {
    this.weight -= block.weight - ENTRY_WEIGHT
    block.whole = bytes
    block.granules = []
    block.weight = ENTRY_WEIGHT + bytes.length
    this.weight += bytes.length
    this.evict()
  }

  keepGranules(block: CachedBlock, first: number, bytes: Buffer): void {
    if (block.whole !== undefined) return
    for (let i = first, at = 0; at < bytes.length; i++, at += CHECKED) {
      if (block.granules[i] !== undefined) continue
      // A copy, so that one granule does not keep the bytes of all that were read with it.
      const granule = Buffer.from(bytes.subarray(at, at + CHECKED))
      block.granules[i] = granule
      block.weight += granule.length
      this.weight += granule.length
    }
    this.evict()
  }

  private evict(): void {
    for (let i = 0; i < EVICTION_STEPS && this.weight > this.memory; i++) {
      if (this.hand >= this.ring.length) this.hand = 0
      const block = this.ring[this.hand]
      if (block === undefined) return
      if (block.used || block.pins > 0) {
        block.used = false
        this.hand += 1
        continue
      }
      this.blocks.delete(block.id)
      this.weight -= block.weight
      const last = this.ring.pop()
      if (last !== undefined && last !== block) this.ring[this.hand] = last
    }
  }
}
