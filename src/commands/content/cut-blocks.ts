import type { BlockStore } from '../../content/block-store.ts'
import type { Piece, Pieces } from '../../content/pieces.ts'
import { GRANULE } from '../../platform/limits.ts'
import type { Inode } from '../../projections/inode.ts'
import type { TreeView } from '../../projections/tree-view.ts'
import { fill, sealedParts } from './sealed-content.ts'

/** Bytes that become one block, and where they belong. */
export interface NewContent {
  readonly offset: number
  readonly bytes: Buffer
}

interface Range {
  from: number
  to: number
}

/**
 * The pieces of some chunks, ascending, as blocks: neighbours joined, widened to whole granules
 * with what the file has around them, so that small writes do not leave a file in crumbs.
 */
export async function cutIntoBlocks(
  blocks: BlockStore,
  view: TreeView,
  file: Inode,
  pieces: Pieces,
  indexes: readonly number[],
): Promise<readonly NewContent[]> {
  const end = Math.max(file.size, pieces.end)
  const content: NewContent[] = []
  for (const index of indexes) {
    const chunk = pieces.chunks.get(index)?.pieces ?? []
    for (const range of widened(chunk, end)) {
      const inside = chunk.filter(({ offset }) => offset >= range.from && offset < range.to)
      const bytes = joined(range, inside) ?? (await completed(blocks, view, file, range, inside))
      content.push({ offset: range.from, bytes })
    }
  }
  return content
}

/**
 * Whole granules around the pieces, up to the end of the file. Ascending, apart from each other.
 */
function widened(chunk: readonly Piece[], end: number): readonly Range[] {
  const ranges: Range[] = []
  for (const { offset, bytes } of chunk) {
    const from = offset - (offset % GRANULE)
    const stop = offset + bytes.length
    const to = Math.max(stop, Math.min(end, stop + ((GRANULE - (stop % GRANULE)) % GRANULE)))
    const last = ranges.at(-1)
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else ranges.push({ from, to })
  }
  return ranges
}

/** The pieces alone, when they fill the range. */
function joined(range: Range, pieces: readonly Piece[]): Buffer | undefined {
  let next = range.from
  for (const { offset, bytes } of pieces) {
    if (offset !== next) return undefined
    next += bytes.length
  }
  if (next !== range.to) return undefined
  const [only, more] = pieces
  return more === undefined ? only?.bytes : Buffer.concat(pieces.map(({ bytes }) => bytes))
}

/** The pieces on what the file has there; zeros behind its end. */
async function completed(
  blocks: BlockStore,
  view: TreeView,
  file: Inode,
  { from, to }: Range,
  pieces: readonly Piece[],
): Promise<Buffer> {
  const bytes = Buffer.alloc(to - from)
  const stop = Math.min(to, file.size)
  if (stop > from) fill(bytes, await sealedParts(blocks, view, file, from, stop))
  for (const piece of pieces) piece.bytes.copy(bytes, piece.offset - from)
  return bytes
}
