import { withoutSetId } from '../../auth/access.ts'
import { isRoot } from '../../auth/principal.ts'
import type { Extent } from '../../journal/fields.ts'
import { type Instant, laterThan } from '../../platform/clock.ts'
import { FILE_SIZE_MAX } from '../../platform/limits.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { contentFor, hole } from './resize.ts'

/**
 * Names blocks as part of a file's content. Whoever wrote them was let in when the bytes came (the
 * WRITE was answered by then), so nothing is asked of the principal or the share's options here.
 */
export interface WriteContent {
  readonly type: 'WriteContent'
  readonly share: number
  readonly ino: number
  /** Ascending, without overlap, data only; what lies between them keeps its content. */
  readonly extents: readonly Extent[]
  /** When the bytes came; undefined when the times were set explicitly since. */
  readonly mtime: Instant | 'now' | undefined
}

export const writeContent: Decide<WriteContent> = (world, command, stamp) => {
  const { share, ino, extents, mtime } = command
  const file = world.live(share).inode(ino)
  if (file === undefined) return refused('stale')
  if (file.kind !== fileKind.regular) return refused('invalid')
  const last = extents.at(-1)
  if (last === undefined) return accepted([], ino)
  const end = last.offset + last.length
  if (end > FILE_SIZE_MAX) return refused('fileTooLarge')
  const mode = isRoot(stamp.principal) ? file.mode : withoutSetId(file.mode)
  return accepted(
    [
      {
        type: 'ContentChanged',
        ino,
        size: Math.max(file.size, end),
        content: contentFor(file, Math.max(file.size, end), world.usage(share).nextIno),
        extents: covering(file.size, extents),
        mode: mode === file.mode ? undefined : mode,
        ...timesOf(file, mtime),
      },
    ],
    ino,
  )
}

/** What grows a file is covered without gaps: holes between its old end and the new bytes. */
function covering(size: number, extents: readonly Extent[]): readonly Extent[] {
  const last = extents.at(-1) as Extent
  if (last.offset <= size) return extents
  const covered: Extent[] = []
  let end = size
  for (const extent of extents) {
    if (extent.offset > end) covered.push(hole(end, extent.offset - end))
    covered.push(extent)
    end = Math.max(end, extent.offset + extent.length)
  }
  return covered
}

interface Times {
  readonly mtime: Instant | undefined
  readonly ctime: Instant | undefined
}

/** The record's own time is not repeated in its event. */
const NOW: Times = { mtime: undefined, ctime: undefined }

function timesOf(file: Inode, mtime: WriteContent['mtime']): Times {
  if (mtime === 'now') return NOW
  const ctime = { sec: file.ctimeSec, nsec: file.ctimeNsec }
  if (mtime === undefined) return { mtime: { sec: file.mtimeSec, nsec: file.mtimeNsec }, ctime }
  // A later chmod has set a later ctime already.
  return { mtime, ctime: laterThan(mtime, ctime) ? mtime : ctime }
}
