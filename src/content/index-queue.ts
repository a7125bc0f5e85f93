/**
 * Blocks on their way into the index: many at a time, since each transaction is synced, and soon,
 * since a start has to look for those that are missing.
 */
import { isFull } from '../platform/disk-full.ts'
import { fault } from '../platform/fault.ts'
import type { BlockIndex, Position } from './block-index.ts'
import { type FoundBlock, type Lane, laneOf } from './segment.ts'

// Ids come in no order, so that each transaction writes most pages of the tree anew.
const INDEX_MILLIS = 1000
const INDEX_BLOCKS = 30_000

export class IndexQueue {
  private readonly index: BlockIndex
  /** The index holds what lies before this position in its lane. */
  private readonly onIndexed: (position: Position) => void
  private pending: FoundBlock[] = []
  private positions = new Map<Lane, Position>()
  private timer: NodeJS.Timeout | undefined
  private held = false

  constructor(index: BlockIndex, onIndexed: (position: Position) => void) {
    this.index = index
    this.onIndexed = onIndexed
  }

  /** Takes in blocks of a lane, all that it has before `position`. */
  note(written: readonly FoundBlock[], position: Position): void {
    this.add(written, position)
    if (this.pending.length >= INDEX_BLOCKS && !this.held) this.flushOrWait()
    else this.timer ??= setTimeout(() => this.flushOrWait(), INDEX_MILLIS)
  }

  private add(written: readonly FoundBlock[], position: Position): void {
    for (const block of written) this.pending.push(block)
    this.positions.set(laneOf(position.segment), position)
  }

  /** A full disk is no reason to stop: blocks are found without the index, by who wrote them. */
  private flushOrWait(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    try {
      this.flush()
    } catch (error) {
      if (!isFull(error)) throw error
      this.held = true
      this.timer = setTimeout(() => this.flushOrWait(), INDEX_MILLIS)
    }
  }

  /** Brings the index up to date: one transaction. Throws when the disk does not take it. */
  flush(removed: readonly string[] = []): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.positions.size === 0 && removed.length === 0) return
    const done = this.positions
    fault('index.flush')
    this.index.change(this.pending, removed, done)
    fault('index.flushed')
    this.held = false
    this.pending = []
    this.positions = new Map()
    for (const position of done.values()) this.onIndexed(position)
  }

  /** The same with blocks that were moved, and without those that nobody needs. */
  change(written: readonly FoundBlock[], removed: readonly string[], position: Position): void {
    this.add(written, position)
    this.flush(removed)
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }
}
