/** POSIX permission checks on mode bits. */
import { inGroup, isRoot, type Principal } from './principal.ts'

export const MAY_EXECUTE = 1
export const MAY_WRITE = 2
export const MAY_READ = 4

export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
export const S_ISVTX = 0o1000
export const S_IXGRP = 0o0010
const ANY_EXECUTE = 0o111
export const PERMISSION_BITS = 0o7777

/** What decides about access to an object. */
export interface Guarded {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** As ftype3 numbers them: executing a directory means searching it, which root may always. */
  readonly kind: number
}

const DIRECTORY = 2

/** Which of the MAY_ bits the principal has. */
export function grantedBits(object: Guarded, principal: Principal): number {
  if (isRoot(principal)) {
    const executable = object.kind === DIRECTORY || (object.mode & ANY_EXECUTE) !== 0
    return MAY_READ | MAY_WRITE | (executable ? MAY_EXECUTE : 0)
  }
  if (object.uid === principal.uid) return (object.mode >> 6) & 7
  if (inGroup(principal, object.gid)) return (object.mode >> 3) & 7
  return object.mode & 7
}

export function mayAccess(object: Guarded, principal: Principal, bits: number): boolean {
  return (grantedBits(object, principal) & bits) === bits
}

/** Whether a sticky directory keeps the principal from removing or renaming an entry of it. */
export function stickyForbids(
  dir: { readonly mode: number; readonly uid: number },
  entry: { readonly uid: number },
  principal: Principal,
): boolean {
  if ((dir.mode & S_ISVTX) === 0 || isRoot(principal)) return false
  return principal.uid !== entry.uid && principal.uid !== dir.uid
}

/** What is left of a mode when somebody other than root writes to the file. */
export function withoutSetId(mode: number): number {
  // Set-group-id without group execute is mandatory locking, not a privilege.
  return (mode & S_IXGRP) === 0 ? mode & ~S_ISUID : mode & ~(S_ISUID | S_ISGID)
}
