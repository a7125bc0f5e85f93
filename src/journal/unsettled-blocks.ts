/**
 * Blocks that the tail log has and no segment yet, in the order in which they were appended. Of
 * each its name and its length alone: what lives until it is settled is copied into the old part
 * of the heap.
 */
import type { Position } from '../content/block-index.ts'
import { PLACE_WORDS, type PlacedBlocks } from '../content/noted-blocks.ts'
import { PLACE } from './settler.ts'
import type { TailBlock } from './tail-entry.ts'

export interface SettledBlocks {
  /** All that segments have now: nobody need keep their bytes. */
  readonly ids: readonly string[]
  /** Those that were stored now. The others were there before. */
  readonly written: PlacedBlocks
  /** Everything that the lane has lies before it; undefined when there were none. */
  readonly position: Position | undefined
}

export class UnsettledBlocks {
  private readonly ids: string[] = []
  private readonly lengths: number[] = []
  /** Of each frame with blocks its last record, and how many blocks it has. */
  private readonly seqs: number[] = []
  private readonly counts: number[] = []

  /** The same may be added again: a full disk had not taken it. */
  add(seq: number, blocks: readonly TailBlock[]): void {
    if (blocks.length === 0 || this.seqs.at(-1) === seq) return
    for (const { id, bytes } of blocks) {
      this.ids.push(id)
      this.lengths.push(bytes.length)
    }
    this.seqs.push(seq)
    this.counts.push(blocks.length)
  }

  /** What came up to record `seq` is in segments. `places`: see Settled. */
  settle(seq: number, places: Uint32Array, position: Position | undefined): SettledBlocks {
    const later = this.seqs.findIndex((one) => one > seq)
    const frames = later < 0 ? this.seqs.length : later
    this.seqs.splice(0, frames)
    const count = this.counts.splice(0, frames).reduce((sum, one) => sum + one, 0)
    const ids = this.ids.splice(0, count)
    const lengths = this.lengths.splice(0, count)
    return { ids, written: writtenOf(ids, lengths, places), position }
  }
}

function writtenOf(
  ids: readonly string[],
  lengths: readonly number[],
  places: Uint32Array,
): PlacedBlocks {
  const written: string[] = []
  const where = new Uint32Array(PLACE_WORDS * ids.length)
  for (let i = 0; i < ids.length; i++) {
    if (places[PLACE * i + 2] !== 1) continue
    const at = PLACE_WORDS * written.length
    where[at] = places[PLACE * i] as number
    where[at + 1] = places[PLACE * i + 1] as number
    where[at + 2] = lengths[i] as number
    written.push(ids[i] as string)
  }
  // Not a part of what is larger: threads would be sent all of it.
  return { ids: written, places: where.slice(0, PLACE_WORDS * written.length) }
}
