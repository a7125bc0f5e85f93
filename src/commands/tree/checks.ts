/** What every change of the tree must pass, in the order in which refusals take precedence. */
import { MAY_EXECUTE, MAY_WRITE, mayAccess } from '../../auth/access.ts'
import type { Principal } from '../../auth/principal.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { NAME_MAX } from '../../platform/limits.ts'
import { fileKind, type Inode, ROOT_INO } from '../../projections/inode.ts'
import { INO_MAX } from '../../projections/node-id.ts'
import type { Entry } from '../../projections/rows.ts'
import {
  type DecisionWorld,
  type Parked,
  parked,
  type Refused,
  refused,
  type Stamp,
} from '../decider.ts'

/** Why a share takes no change now; undefined when it does. */
export function shareForbids(world: DecisionWorld, id: number): Refused | Parked | undefined {
  const share = world.control.shares.get(id)
  if (share === undefined || share.deleted !== 0) return refused('stale')
  if (share.options.readOnly) return refused('readOnly')
  if (share.options.frozen) return parked(thawOf(id))
  return undefined
}

/** The wake key of what waits for a frozen share. */
export const thawOf = (share: number): string => `thaw:${share}`

/** Bytes but `/` and NUL, at most 255 of them; `.` and `..` are for who looks them up. */
export function nameForbids(name: string): Refusal | undefined {
  if (name.length > NAME_MAX) return 'nameTooLong'
  if (name === '') return 'emptyName'
  if (name.includes('/') || name.includes('\0')) return 'invalid'
  return undefined
}

export const isDot = (name: string): boolean => name === '.' || name === '..'

/** A directory that is there and that the principal may search; else why not. */
export function searchableDirectory(
  world: DecisionWorld,
  share: number,
  ino: number,
  principal: Principal,
): Inode | Refusal {
  const dir = world.live(share).inode(ino)
  if (dir === undefined) return 'stale'
  if (dir.kind !== fileKind.directory) return 'notDirectory'
  return mayAccess(dir, principal, MAY_EXECUTE) ? dir : 'accessDenied'
}

/** The directory of past moments has its name whether it is listed or not. */
export function isReserved(
  world: DecisionWorld,
  share: number,
  dir: number,
  name: string,
): boolean {
  if (name !== HISTORY_NAME || dir !== ROOT_INO) return false
  return world.control.shares.get(share)?.options.history !== 'off'
}

export const HISTORY_NAME = '.history'

export interface Place {
  readonly dir: Inode
  /** What has the name now. */
  readonly entry: Entry | undefined
}

/** Where a new entry would go. Says nothing yet about whether the principal may write there. */
export function placeOf(
  world: DecisionWorld,
  share: number,
  dirIno: number,
  name: string,
  { principal }: Pick<Stamp, 'principal'>,
): Place | Refusal {
  const dir = searchableDirectory(world, share, dirIno, principal)
  if (typeof dir === 'string') return dir
  const bad = nameForbids(name)
  if (bad !== undefined) return bad
  if (isDot(name) || isReserved(world, share, dirIno, name)) return 'exists'
  return { dir, entry: world.live(share).entry(dirIno, name) }
}

/** Whether one more object can be made in the directory. */
export function creationForbids(
  world: DecisionWorld,
  share: number,
  dir: Inode,
  { principal, space }: Stamp,
): Refusal | undefined {
  // A directory that was removed while somebody still had its handle takes nothing new.
  if (dir.nlink === 0) return 'stale'
  if (!mayAccess(dir, principal, MAY_WRITE)) return 'accessDenied'
  if (space === 'full') return 'noSpace'
  return world.usage(share).nextIno >= INO_MAX ? 'noSpace' : undefined
}
