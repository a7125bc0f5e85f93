import { MAY_WRITE, mayAccess } from '../../auth/access.ts'
import { isRoot, type Principal } from '../../auth/principal.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { FILE_SIZE_MAX } from '../../platform/limits.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import type { DecisionWorld, Space } from '../decider.ts'

/**
 * Whether bytes may be taken in for a file. Asked before they are staged, since once the client has
 * its answer nothing may refuse them any more.
 *
 * `staged`: bytes of the share that are taken in and not in the journal yet.
 */
export function admitWrite(
  world: DecisionWorld,
  share: number,
  ino: number,
  offset: number,
  length: number,
  staged: number,
  principal: Principal,
  space: Space,
): Inode | Refusal {
  const options = world.control.shares.get(share)
  if (options === undefined || options.deleted !== 0) return 'stale'
  if (options.options.readOnly) return 'readOnly'
  if (options.options.frozen) return 'delayed'
  const file = world.live(share).inode(ino)
  if (file === undefined) return 'stale'
  if (file.kind === fileKind.directory) return 'isDirectory'
  if (file.kind !== fileKind.regular) return 'invalid'
  // The owner may have opened it before the mode forbade it; NFSv3 has no open to remember that.
  const owner = file.uid === principal.uid
  if (!owner && !isRoot(principal) && !mayAccess(file, principal, MAY_WRITE)) return 'accessDenied'
  if (offset + length > FILE_SIZE_MAX) return 'fileTooLarge'
  if (space === 'full') return 'noSpace'
  const { quota } = options.options
  if (quota > 0 && world.usage(share).bytes + staged + length > quota) return 'quotaExceeded'
  return file
}
