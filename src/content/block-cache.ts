import { CHECKED } from './block.ts'
import { CachedBlock } from './cached-block.ts'
import { FreshRing } from './fresh-ring.ts'

const ENTRY_WEIGHT = 300
const EVICTION_STEPS = 64
/** Of the memory, at most, for blocks that were just written. */
const FRESH_PART = 1 / 4
const FRESH_MAX = 32 * 1024 * 1024

/**
 * Blocks in memory. Bounded by bytes with a clock hand; blocks that no disk has yet are pinned.
 * What is in here has been checked.
 */
export class BlockCache {
  private readonly blocks = new Map<string, CachedBlock>()
  private readonly clock: CachedBlock[] = []
  private readonly fresh: FreshRing
  /** For those on the clock. */
  private readonly memory: number
  private hand = 0
  private weight = 0

  constructor(memory: number) {
    const fresh = Math.floor(Math.min(FRESH_MAX, memory * FRESH_PART))
    this.fresh = new FreshRing(fresh, (block) => this.grow(block))
    this.memory = memory - fresh
  }

  get bytes(): number {
    return this.weight + this.fresh.bytes
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
      this.blocks.set(id, block)
      this.wind(block)
    }
    return block
  }

  private wind(block: CachedBlock): void {
    block.weight = ENTRY_WEIGHT
    this.weight += ENTRY_WEIGHT
    this.clock.push(block)
  }

  /** The block with these bytes, pinned. A copy of them, when it was not here. */
  pin(id: string, bytes: Buffer): Buffer {
    const block = this.written(id, bytes)
    block.pins += 1
    return block.whole as Buffer
  }

  isPinned(id: string): boolean {
    return (this.blocks.get(id)?.pins ?? 0) > 0
  }

  unpin(id: string): void {
    const block = this.blocks.get(id)
    if (block !== undefined && block.pins > 0) block.pins -= 1
  }

  /** The same for a block that was pinned by whoever has it. */
  release(block: CachedBlock): void {
    block.pins -= 1
    this.evict()
  }

  /** The block with these bytes, whole: a copy of them, when it was not here. */
  written(id: string, bytes: Buffer): CachedBlock {
    let block = this.blocks.get(id)
    if (block === undefined) {
      block = new CachedBlock(id, bytes.length)
      this.blocks.set(id, block)
      if (!this.fresh.keep(block, bytes)) this.wind(block)
    }
    if (block.whole === undefined) {
      // Not evicted before it is returned.
      block.pins += 1
      this.keepWhole(block, Buffer.from(bytes))
      block.pins -= 1
    }
    return block
  }

  /** Of a fresh block that must go: one that was read since stays among those that are read. */
  private grow(block: CachedBlock): void {
    const { id, length, whole, used } = block
    this.blocks.delete(id)
    if (used && whole !== undefined) this.keepWhole(this.admit(id, length), Buffer.from(whole))
  }

  keepWhole(block: CachedBlock, bytes: Buffer): void {
    if (block.place >= 0) return
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
      if (this.hand >= this.clock.length) this.hand = 0
      const block = this.clock[this.hand]
      if (block === undefined) return
      if (block.used || block.pins > 0) {
        block.used = false
        this.hand += 1
        continue
      }
      this.blocks.delete(block.id)
      this.weight -= block.weight
      const last = this.clock.pop()
      if (last === undefined || last === block) continue
      this.clock[this.hand] = last
      // It was the newest, so it is the last that the hand comes to.
      this.hand += 1
    }
  }
}
