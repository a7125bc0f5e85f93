/** Blocks in segments by the thousand: as objects they would take longer to tell than to store. */
import type { Position } from './block-index.ts'
import type { FoundBlock } from './segment.ts'

/** Numbers of a place: segment, offset, length. */
export const PLACE_WORDS = 3

export interface PlacedBlocks {
  readonly ids: readonly string[]
  /** Of each block its place, in the order of the ids. */
  readonly places: Uint32Array
}

/** What one thread tells another of blocks that it has stored. */
export interface NoteCall {
  /** Of each block 32 bytes. */
  readonly ids: Uint8Array
  /** As in PlacedBlocks. */
  readonly places: Uint32Array
  readonly position: Position
}

export function placedBlocks(found: readonly FoundBlock[]): PlacedBlocks {
  const places = new Uint32Array(PLACE_WORDS * found.length)
  for (const [i, { segment, offset, length }] of found.entries()) {
    places[PLACE_WORDS * i] = segment
    places[PLACE_WORDS * i + 1] = offset
    places[PLACE_WORDS * i + 2] = length
  }
  return { ids: found.map(({ id }) => id), places }
}

/** What is noted of blocks that are in segments. */
export function noteOf({ ids, places }: PlacedBlocks, position: Position): NoteCall {
  const names = Buffer.allocUnsafeSlow(32 * ids.length)
  for (let i = 0; i < ids.length; i++) names.latin1Write(ids[i] as string, 32 * i, 32)
  return { ids: names, places, position }
}

/** The blocks that a note is about. */
export function notedBlocks({ ids, places }: Pick<NoteCall, 'ids' | 'places'>): FoundBlock[] {
  const names = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength)
  return Array.from({ length: ids.length / 32 }, (_, i) => ({
    id: names.latin1Slice(32 * i, 32 * (i + 1)),
    segment: places[PLACE_WORDS * i] as number,
    offset: places[PLACE_WORDS * i + 1] as number,
    length: places[PLACE_WORDS * i + 2] as number,
  }))
}
