/** What one thread tells another of blocks that it has stored. */
import type { Position } from './block-index.ts'
import type { Stored } from './block-writer.ts'
import type { FoundBlock } from './segment.ts'

/** Blocks by the thousand: as objects they would take longer to send than to store. */
export interface NoteCall {
  /** Of each block 32 bytes. */
  readonly ids: Uint8Array
  /** Of each block three numbers: segment, offset, length. */
  readonly places: Uint32Array
  readonly position: Position
}

/** What is noted of blocks that are in segments. */
export function noteOf({ written, position }: Pick<Stored, 'written' | 'position'>): NoteCall {
  const ids = Buffer.allocUnsafeSlow(32 * written.length)
  const places = new Uint32Array(3 * written.length)
  for (const [i, { id, segment, offset, length }] of written.entries()) {
    ids.latin1Write(id, 32 * i, 32)
    places[3 * i] = segment
    places[3 * i + 1] = offset
    places[3 * i + 2] = length
  }
  return { ids, places, position }
}

/** The blocks that a note is about. */
export function notedBlocks({ ids, places }: NoteCall): FoundBlock[] {
  const names = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength)
  return Array.from({ length: ids.length / 32 }, (_, i) => ({
    id: names.latin1Slice(32 * i, 32 * (i + 1)),
    segment: places[3 * i] as number,
    offset: places[3 * i + 1] as number,
    length: places[3 * i + 2] as number,
  }))
}
