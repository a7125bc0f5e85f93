/** Owner, group and mode of a new object, as a local file system chooses them. */
import { PERMISSION_BITS, S_ISGID } from '../../auth/access.ts'
import { inGroup, isRoot, type Principal } from '../../auth/principal.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { type Instant, isTime } from '../../platform/clock.ts'
import type { Inode } from '../../projections/inode.ts'

/** What a client may ask for when it creates something. Times that are not given are now. */
export interface InitialAttributes {
  readonly mode: number | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly atime: Instant | undefined
  readonly mtime: Instant | undefined
}

export const noAttributes: InitialAttributes = {
  mode: undefined,
  uid: undefined,
  gid: undefined,
  atime: undefined,
  mtime: undefined,
}

interface Ownership {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export function ownershipOf(
  dir: Inode,
  asked: InitialAttributes,
  principal: Principal,
  directory: boolean,
  defaultMode: number,
): Ownership | Refusal {
  if (!isTime(asked.atime) || !isTime(asked.mtime)) return 'invalid'
  const inherits = (dir.mode & S_ISGID) !== 0
  const uid = asked.uid ?? principal.uid
  const gid = asked.gid ?? (inherits ? dir.gid : principal.gid)
  if (!isRoot(principal)) {
    if (uid !== principal.uid) return 'notPermitted'
    if (asked.gid !== undefined && gid !== dir.gid && !inGroup(principal, gid))
      return 'notPermitted'
  }
  let mode = (asked.mode ?? defaultMode) & PERMISSION_BITS
  if (directory) {
    if (inherits) mode |= S_ISGID
  } else if (!isRoot(principal) && !inGroup(principal, gid)) {
    mode &= ~S_ISGID
  }
  return { mode, uid, gid }
}
