/** Blocks that the tail log has and no segment yet, in the order in which they were appended. */
import type { Position } from '../content/block-index.ts'
import type { FoundBlock } from '../content/segment.ts'
import { PLACE } from './settler.ts'
import type { TailBlock } from './tail-entry.ts'

export interface SettledBlocks {
  /** All that segments have now: nobody need keep their bytes. */
  readonly ids: readonly string[]
  /** Those that were stored now. The others were there before. */
  readonly written: readonly FoundBlock[]
  /** Everything that the lane has lies before it; undefined when there were none. */
  readonly position: Position | undefined
}

interface Group {
  /** Of the last record of the frame that they came with. */
  readonly seq: number
  readonly blocks: readonly TailBlock[]
}

export class UnsettledBlocks {
  private groups: Group[] = []

  /** The same may be added again: a full disk had not taken it. */
  add(seq: number, blocks: readonly TailBlock[]): void {
    if (blocks.length === 0 || this.groups.at(-1)?.seq === seq) return
    this.groups.push({ seq, blocks })
  }

  /** What came up to record `seq` is in segments. */
  settle(seq: number, places: Uint32Array, position: Position | undefined): SettledBlocks {
    const ids: string[] = []
    const written: FoundBlock[] = []
    let done = 0
    let at = 0
    for (const group of this.groups) {
      if (group.seq > seq) break
      done += 1
      for (const { id, bytes } of group.blocks) {
        ids.push(id)
        const [segment, offset] = [places[at] as number, places[at + 1] as number]
        if (places[at + 2] === 1) written.push({ id, segment, offset, length: bytes.length })
        at += PLACE
      }
    }
    this.groups.splice(0, done)
    return { ids, written, position }
  }
}
