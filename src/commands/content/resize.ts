/** Changing where a file ends. */

import { withoutSetId } from '../../auth/access.ts'
import { isRoot } from '../../auth/principal.ts'
import type { EventOf } from '../../journal/events.ts'
import type { Extent } from '../../journal/fields.ts'
import type { Refusal } from '../../journal/refusal.ts'
import type { Instant } from '../../platform/clock.ts'
import { FILE_SIZE_MAX } from '../../platform/limits.ts'
import type { Inode } from '../../projections/inode.ts'
import type { Stamp } from '../decider.ts'

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

/** `nextIno` numbers the new extent map of a file that is emptied: nothing has to be deleted. */
export function resized(
  file: Inode,
  ino: number,
  size: number,
  { principal, space }: Stamp,
  nextIno: number,
): EventOf<'ContentChanged'> | Refusal {
  if (size > FILE_SIZE_MAX) return 'fileTooLarge'
  if (size > file.size && space === 'full') return 'noSpace'
  const mode = isRoot(principal) ? file.mode : withoutSetId(file.mode)
  return {
    type: 'ContentChanged',
    ino,
    size,
    content: contentFor(file, size, nextIno),
    extents: size > file.size ? [hole(file.size, size - file.size)] : [],
    mode: mode === file.mode ? undefined : mode,
    mtime: undefined,
    ctime: undefined,
  }
}
