/**
 * Small blocks that were just written, one behind the other in memory that is used again and
 * again: to allocate some for each would cost more than the write does (fresh pages, and a
 * collection of the whole heap for every 64 MiB). The oldest makes room for the newest.
 */
import type { CachedBlock } from './cached-block.ts'

export class FreshRing {
  private readonly memory: Buffer
  private readonly evict: (block: CachedBlock) => void
  private blocks: CachedBlock[] = []
  /** Of `blocks`, the oldest that is still here. */
  private oldest = 0
  /** Bytes that were ever handed out; where they lie is the rest modulo the size. */
  private head = 0

  /** `evict` hears of each block that makes room, while its bytes are still there. */
  constructor(size: number, evict: (block: CachedBlock) => void) {
    this.memory = Buffer.allocUnsafeSlow(size)
    this.evict = evict
  }

  get bytes(): number {
    return Math.min(this.head, this.memory.length)
  }

  /** Copies `bytes` to where `block` then has them. False: what is in the way is pinned. */
  keep(block: CachedBlock, bytes: Buffer): boolean {
    const size = this.memory.length
    if (bytes.length > size) return false
    let start = this.head
    const toEnd = size - (start % size)
    if (bytes.length > toEnd) start += toEnd
    if (!this.makeRoom(start + bytes.length - size)) return false
    const at = start % size
    block.whole = this.memory.subarray(at, at + bytes.length)
    bytes.copy(block.whole)
    block.place = start
    this.blocks.push(block)
    this.head = start + bytes.length
    return true
  }

  /** Whoever begins before `place` goes. */
  private makeRoom(place: number): boolean {
    for (;;) {
      const block = this.blocks[this.oldest]
      if (block === undefined || block.place >= place) break
      if (block.pins > 0) return false
      this.evict(block)
      this.oldest += 1
    }
    if (this.oldest * 2 > this.blocks.length) {
      this.blocks = this.blocks.slice(this.oldest)
      this.oldest = 0
    }
    return true
  }
}
