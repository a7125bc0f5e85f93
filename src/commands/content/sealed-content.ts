/** Bytes of a file as its extents have them: without what is staged. */
import type { BlockStore } from '../../content/block-store.ts'
import { DamageError, MissingError } from '../../content/damage.ts'
import type { Extent } from '../../journal/fields.ts'
import type { Inode } from '../../projections/inode.ts'
import type { TreeView } from '../../projections/tree-view.ts'

/** A part of a file: bytes that are shared and must not be written to, or zeros. */
export type Part = Buffer | number

/**
 * The parts of [from, to), which must lie within the file. Synchronous when memory has them all.
 * Rejects or throws DamageError: a range that no extent covers is damage too.
 */
export function sealedParts(
  blocks: BlockStore,
  view: TreeView,
  inode: Inode,
  from: number,
  to: number,
): Part[] | Promise<Part[]> {
  const extents = view.extents(inode, from, to)
  const parts: (Part | Promise<Buffer>)[] = []
  let next = from
  let waiting = false
  for (const extent of extents) {
    if (extent.offset > next) break
    const end = Math.min(to, extent.offset + extent.length)
    const part = partOf(blocks, extent, next, end)
    if (part instanceof Promise) {
      waiting = true
      const start = next
      // Of a file that is written to meanwhile, the block may be gone with what it was for.
      const named = () =>
        view.extents(inode, start, end).some(({ block }) => block === extent.block)
      const again = () => partOf(blocks, extent, start, end)
      parts.push(part.catch((error) => searched(error, blocks, extent.block, named, again)))
    } else parts.push(part)
    next = end
  }
  if (next < to) {
    const uncovered = new DamageError(
      '',
      `no extent covers offset ${next} of content ${inode.content}`,
    )
    if (!waiting) throw uncovered
    return Promise.allSettled(parts).then(() => Promise.reject(uncovered))
  }
  return waiting ? Promise.all(parts) : (parts as Part[])
}

/** A block that an extent names and the index does not have may be in a segment all the same. */
async function searched(
  error: unknown,
  blocks: BlockStore,
  block: string,
  named: () => boolean,
  again: () => Part | Promise<Buffer>,
): Promise<Buffer> {
  if (!(error instanceof MissingError) || !named()) throw error
  await blocks.search(block)
  return (await again()) as Buffer
}

function partOf(
  blocks: BlockStore,
  { offset, block, blockOffset }: Extent,
  from: number,
  to: number,
): Part | Promise<Buffer> {
  if (block === '') return to - from
  return blocks.read(block, blockOffset + (from - offset), to - from)
}

/** Copies parts into one buffer, from `at` on. */
export function fill(into: Buffer, parts: readonly Part[], at = 0): void {
  let position = at
  for (const part of parts) {
    if (typeof part === 'number') {
      into.fill(0, position, position + part)
      position += part
    } else {
      part.copy(into, position)
      position += part.length
    }
  }
}
