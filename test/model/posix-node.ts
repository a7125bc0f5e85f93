/** An object of the model, and what its mode allows. */
import type { Kind, NodeId, User, Visible } from './operations.ts'

export interface ModelNode {
  readonly id: NodeId
  readonly kind: Kind
  mode: number
  uid: number
  gid: number
  nlink: number
  content: Buffer
  target: string
  /** Of a directory: what is in it, and what it is in. */
  readonly entries: Map<string, NodeId>
  parent: NodeId
}

export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
const S_IXGRP = 0o010
const ANY_EXECUTE = 0o111

export const member = ({ gid, gids }: User, group: number): boolean =>
  gid === group || gids.includes(group)

/** POSIX.1-2017, definition 4.5: file access permissions. `bit`: read 4, write 2, execute 1. */
export function grants(node: ModelNode, user: User, bit: number): boolean {
  const { kind, mode, uid, gid } = node
  if (user.uid === 0) return bit !== 1 || kind === 'directory' || (mode & ANY_EXECUTE) !== 0
  const shift = user.uid === uid ? 6 : member(user, gid) ? 3 : 0
  return ((mode >> shift) & bit) !== 0
}

/** A mode without the privileges that it gave: set-group-id without execution gives none. */
export const unprivileged = (mode: number): number =>
  (mode & S_IXGRP) === 0 ? mode & ~S_ISUID : mode & ~(S_ISUID | S_ISGID)

export function visibleOf({ kind, mode, nlink, uid, gid, content, target }: ModelNode): Visible {
  const size = kind === 'file' ? content.length : kind === 'symlink' ? target.length : undefined
  return { kind, mode, nlink, uid, gid, size }
}
