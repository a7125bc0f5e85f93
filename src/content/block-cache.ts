import { CHECKED } from './block.ts'
import { CachedBlock } from './cached-block.ts'
import { FreshRing } from './fresh-ring.ts'
import { IdMap } from './id-map.ts'

const ENTRY_WEIGHT = 300
const EVICTION_STEPS = 64
/** Of the memory, at most, for blocks that were just written. */
const FRESH_PART = 1 / 4
const FRESH_MAX = 32 * 1024 * 1024

/**
 * Blocks in memory. Bounded by bytes with a clock hand; blocks that no disk has yet are pinned.
 * What is in here has been checked. Small ones that were just written are in a ring of their own,
 * and join the others when it comes round to them if they were read by then.
 */
export class BlockCache {
  /** Those on the clock. One may be in the ring too: a read is tried again while it is written. */
  private readonly blocks = new IdMap<CachedBlock>()
  private readonly fresh: FreshRing
  /** For those on the clock. */
  private readonly memory: number
  /** The one on the clock that is looked at next; who comes there last is the newest. */
  private hand: CachedBlock | undefined
  private weight = 0

  constructor(memory: number) {
    const fresh = Math.floor(Math.min(FRESH_MAX, memory * FRESH_PART))
    this.fresh = new FreshRing(fresh, (id, bytes) => void this.wound(id, bytes))
    this.memory = memory - fresh
  }

  get bytes(): number {
    return this.weight + this.fresh.bytes
  }

  /** Bytes [offset, offset + length) of a block when they are here as one piece. Not to change. */
  piece(id: string, offset: number, length: number): Buffer | undefined {
    const block = this.blocks.get(id)
    if (block !== undefined) {
      block.used = true
      const piece = block.piece(offset, length)
      if (piece !== undefined) return piece
    }
    const slot = this.fresh.find(id)
    return slot === undefined ? undefined : this.fresh.read(slot, offset, length)
  }

  /** The block on the clock, for what is read of it from a disk. */
  admit(id: string, length: number): CachedBlock {
    let block = this.blocks.get(id)
    if (block === undefined) {
      block = new CachedBlock(id, length)
      block.weight = ENTRY_WEIGHT
      this.weight += ENTRY_WEIGHT
      this.blocks.set(id, block)
      if (this.hand === undefined) this.hand = block
      else block.enterBefore(this.hand)
    }
    return block
  }

  /** The block with these bytes, pinned. A copy of them, when it was not here. */
  pin(id: string, bytes: Buffer): Buffer {
    const slot = this.freshly(id, bytes)
    if (slot !== undefined) {
      this.fresh.pin(slot)
      return this.fresh.view(slot)
    }
    const block = this.wound(id, bytes)
    block.pins += 1
    return block.whole as Buffer
  }

  isPinned(id: string): boolean {
    const slot = this.fresh.find(id)
    if (slot !== undefined && this.fresh.isPinned(slot)) return true
    return (this.blocks.get(id)?.pins ?? 0) > 0
  }

  /** A block that is in the ring was pinned there: it does not come to it while it is pinned. */
  unpin(id: string): void {
    const slot = this.fresh.find(id)
    const block = slot === undefined ? this.blocks.get(id) : undefined
    if (slot !== undefined) this.fresh.unpin(slot)
    else if (block !== undefined && block.pins > 0) this.release(block)
  }

  /** The same for a block on the clock that was pinned by whoever has it. */
  release(block: CachedBlock): void {
    block.pins -= 1
    this.evict()
  }

  /** Keeps the block with these bytes, whole: a copy of them, when it was not here. */
  keep(id: string, bytes: Buffer): void {
    if (this.freshly(id, bytes) === undefined) this.wound(id, bytes)
  }

  /** Its slot in the ring; undefined when it belongs on the clock. */
  private freshly(id: string, bytes: Buffer): number | undefined {
    const slot = this.fresh.find(id)
    return slot ?? (this.blocks.has(id) ? undefined : this.fresh.keep(id, bytes))
  }

  /** The same on the clock. */
  private wound(id: string, bytes: Buffer): CachedBlock {
    const block = this.admit(id, bytes.length)
    if (block.whole === undefined) {
      // Not evicted before it is returned.
      block.pins += 1
      this.keepWhole(block, Buffer.from(bytes))
      block.pins -= 1
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
      const block = this.hand
      if (block === undefined) return
      this.hand = block.next
      if (block.used || block.pins > 0) {
        block.used = false
        continue
      }
      if (this.hand === block) this.hand = undefined
      block.leave()
      this.blocks.delete(block.id)
      this.weight -= block.weight
    }
  }
}
