import {
  MAY_WRITE,
  mayAccess,
  PERMISSION_BITS,
  S_ISGID,
  S_ISUID,
  S_IXGRP,
  withoutSetId,
} from '../../auth/access.ts'
import { inGroup, isRoot, type Principal } from '../../auth/principal.ts'
import type { Event } from '../../journal/events.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { type Instant, isTime } from '../../platform/clock.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import { resized } from '../content/resize.ts'
import {
  accepted,
  type Decide,
  type DecisionWorld,
  type Parked,
  type Refused,
  refused,
  type Stamp,
} from '../decider.ts'
import { shareForbids } from './checks.ts'

/** chmod, chown, utimes and truncate in one, as SETATTR asks for them. */
export interface ChangeAttributes {
  readonly type: 'ChangeAttributes'
  readonly share: number
  readonly ino: number
  readonly mode: number | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly size: number | undefined
  readonly atime: Instant | 'now' | undefined
  readonly mtime: Instant | 'now' | undefined
  /** Only if the object still has this ctime. */
  readonly guard: Instant | undefined
}

export const changeAttributes: Decide<ChangeAttributes> = (world, command, stamp) => {
  const forbidden = attributesForbid(world, command, stamp.principal)
  if (forbidden !== undefined) return forbidden
  const { share, ino } = command
  const inode = world.live(share).inode(ino)
  if (inode === undefined) return refused('stale')
  const why = guardForbids(inode, command)
  if (why !== undefined) return refused(why)
  const events: Event[] = []
  if (command.size !== undefined) {
    if (inode.kind === fileKind.directory) return refused('isDirectory')
    if (inode.kind !== fileKind.regular) return refused('invalid')
    const change = resized(world, share, inode, ino, command.size, stamp)
    if (typeof change === 'string') return refused(change)
    events.push(change)
  }
  const change = attributeChange(inode, command, stamp)
  if (change !== undefined) events.push(change)
  return accepted(events, ino)
}

/**
 * Why the principal may not ask for this, whatever it takes: looked at before any work is done for
 * it, and again when it is decided. The guard is for the decision alone: what is staged changes
 * what it is compared with.
 */
export function attributesForbid(
  world: DecisionWorld,
  command: ChangeAttributes,
  principal: Principal,
): Refused | Parked | undefined {
  const forbidden = shareForbids(world, command.share)
  if (forbidden !== undefined) return forbidden
  const inode = world.live(command.share).inode(command.ino)
  if (inode === undefined) return refused('stale')
  const { atime, mtime } = command
  if ((atime !== 'now' && !isTime(atime)) || (mtime !== 'now' && !isTime(mtime))) {
    return refused('invalid')
  }
  const why = permissionForbids(inode, command, principal)
  return why === undefined ? undefined : refused(why)
}

function guardForbids(inode: Inode, { guard }: ChangeAttributes): Refusal | undefined {
  if (guard === undefined) return undefined
  const same = guard.sec === inode.ctimeSec && guard.nsec === inode.ctimeNsec
  return same ? undefined : 'guardMismatch'
}

function permissionForbids(
  inode: Inode,
  command: ChangeAttributes,
  principal: Principal,
): Refusal | undefined {
  const { mode, uid, gid, size, atime, mtime } = command
  if (isRoot(principal)) return undefined
  const owner = principal.uid === inode.uid
  if (mode !== undefined && !owner) return 'notPermitted'
  if (uid !== undefined && (!owner || uid !== inode.uid)) return 'notPermitted'
  if (gid !== undefined && (!owner || (gid !== inode.gid && !inGroup(principal, gid)))) {
    return 'notPermitted'
  }
  if (owner) return undefined
  // Setting both times to now is what writing does; any other time only the owner sets.
  const explicit = (t: Instant | 'now' | undefined) => t !== undefined && t !== 'now'
  if (explicit(atime) || explicit(mtime)) return 'notPermitted'
  const writes = size !== undefined || atime !== undefined || mtime !== undefined
  return writes && !mayAccess(inode, principal, MAY_WRITE) ? 'accessDenied' : undefined
}

function attributeChange(inode: Inode, command: ChangeAttributes, stamp: Stamp): Event | undefined {
  const { ino, uid, gid, size, atime, mtime } = command
  const mode = newMode(inode, command, stamp)
  const nothing =
    mode === undefined &&
    uid === undefined &&
    gid === undefined &&
    atime === undefined &&
    mtime === undefined
  // Even an empty SETATTR is a change of attributes; a new size changes them by itself.
  if (nothing && size !== undefined) return undefined
  const when = (t: Instant | 'now' | undefined) => (t === 'now' ? stamp.at : t)
  return {
    type: 'AttributesChanged',
    ino,
    mode,
    uid,
    gid,
    atime: when(atime),
    mtime: when(mtime),
  }
}

/** chmod(2) and chown(2) on the privilege bits. */
function newMode(inode: Inode, command: ChangeAttributes, stamp: Stamp): number | undefined {
  const { uid, gid } = command
  const { principal } = stamp
  const chowned = (uid !== undefined || gid !== undefined) && inode.kind !== fileKind.directory
  if (command.mode === undefined) return chowned ? withoutSetId(inode.mode) : undefined
  let mode = command.mode & PERMISSION_BITS
  if (chowned) {
    mode &= ~S_ISUID
    if ((mode & S_IXGRP) !== 0) mode &= ~S_ISGID
  }
  if (!isRoot(principal) && !inGroup(principal, gid ?? inode.gid)) mode &= ~S_ISGID
  return mode
}
