/** Changing where a file ends. */

import { withoutSetId } from '../../auth/access.ts'
import { isRoot } from '../../auth/principal.ts'
import type { EventOf } from '../../journal/events.ts'
import type { Extent } from '../../journal/fields.ts'
import type { Refusal } from '../../journal/refusal.ts'
import type { Instant } from '../../platform/clock.ts'
import { EXTENTS_PER_RECORD, FILE_SIZE_MAX } from '../../platform/limits.ts'
import { slice } from '../../projections/extent-slice.ts'
import type { Inode } from '../../projections/inode.ts'
import type { DecisionWorld, Stamp } from '../decider.ts'

/** Extents that one record may delete: bounds how long everybody waits for it. */
export const CUT_MAX = 1000

export const hole = (offset: number, length: number): Extent => ({
  offset,
  length,
  block: '',
  blockOffset: 0,
})

/** A file that was just created and is given a size: all of it is a hole. */
export function growth(
  ino: number,
  size: number,
  mtime: Instant | undefined,
): EventOf<'ContentChanged'> {
  return {
    type: 'ContentChanged',
    ino,
    size,
    content: ino,
    extents: [hole(0, size)],
    mode: undefined,
    mtime,
    ctime: undefined,
  }
}

/**
 * Which extent map a change goes to: a new one when the file is emptied or still another share's.
 */
export function contentFor(file: Inode, size: number, nextIno: number): number {
  const anew = file.contentShare !== 0 || (size === 0 && file.size > 0)
  return anew ? nextIno : file.content
}

/** Gives a file a new size. */
export function resized(
  world: DecisionWorld,
  share: number,
  file: Inode,
  ino: number,
  size: number,
  { principal, space }: Stamp,
): EventOf<'ContentChanged'> | EventOf<'ContentCut'> | Refusal {
  if (size > FILE_SIZE_MAX) return 'fileTooLarge'
  if (size > file.size && space === 'full') return 'noSpace'
  const withoutBits = isRoot(principal) ? file.mode : withoutSetId(file.mode)
  const mode = withoutBits === file.mode ? undefined : withoutBits
  const { nextIno } = world.usage(share)
  const moved = losesMany(world, share, file, size) ? stays(world, share, file, size) : undefined
  if (moved === 'many') {
    const { used, a, b } = world.keptSums(share, file, size)
    return { type: 'ContentCut', ino, size, used, sumA: a, sumB: b, mode }
  }
  return {
    type: 'ContentChanged',
    ino,
    size,
    content: moved === undefined ? contentFor(file, size, nextIno) : nextIno,
    extents: moved ?? (size > file.size ? [hole(file.size, size - file.size)] : []),
    mode,
    mtime: undefined,
    ctime: undefined,
  }
}

/** Whether more extents go than can be deleted while everybody waits. */
function losesMany(world: Extents, share: number, file: Inode, size: number): boolean {
  if (size === 0 || size >= file.size || file.contentShare !== 0) return false
  return world.fewExtents(share, file, size, file.size, CUT_MAX) === undefined
}

/** What stays of a file, when it can move to a new extent map, where nothing has to be deleted. */
function stays(
  world: Extents,
  share: number,
  file: Inode,
  size: number,
): readonly Extent[] | 'many' {
  const kept = world.fewExtents(share, file, 0, size, EXTENTS_PER_RECORD)
  return kept?.map((x) => (x.offset + x.length > size ? slice(x, x.offset, size) : x)) ?? 'many'
}

/** Whether what goes of a file must be counted first, so that deciding it takes no time. */
export const mustCount = (world: Extents, share: number, file: Inode, size: number): boolean =>
  losesMany(world, share, file, size) && stays(world, share, file, size) === 'many'

type Extents = Pick<DecisionWorld, 'fewExtents'>
