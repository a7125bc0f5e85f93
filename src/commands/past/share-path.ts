import type { Refusal } from '../../journal/refusal.ts'
import type { Control } from '../../projections/control.ts'
import { ROOT_INO } from '../../projections/inode.ts'
import type { Share } from '../../projections/share.ts'
import type { TreeView } from '../../projections/tree-view.ts'

/** A path of the server's name space: a share, and the way from its root. */
export interface SharePath {
  readonly share: Share
  /** Names as bytes (latin1); empty for the root. */
  readonly names: readonly string[]
}

const DEPTH_MAX = 4096

/** Splits `/share/name/dir/file` (UTF-8) at the longest share name that it begins with. */
export function sharePath(
  control: Pick<Control, 'shareByName'>,
  path: string,
): SharePath | Refusal {
  const parts = path.split('/').filter((part) => part !== '')
  if (parts.length > DEPTH_MAX) return 'nameTooLong'
  for (let n = parts.length; n > 0; n--) {
    const share = control.shareByName(`/${parts.slice(0, n).join('/')}`)
    if (share === undefined) continue
    const names = parts.slice(n).map((part) => Buffer.from(part, 'utf8').toString('latin1'))
    return { share, names }
  }
  return 'unknown'
}

/** The inode that a way leads to, from the root. */
export function walk(view: TreeView, names: readonly string[]): number | Refusal {
  let ino = ROOT_INO
  for (const name of names) {
    if (name.length > 255) return 'nameTooLong'
    const entry = view.entry(ino, name)
    if (entry === undefined) return 'noEntry'
    ino = entry.ino
  }
  return ino
}

/** Names for people: UTF-8 where it is. */
export const readable = (name: string): string => Buffer.from(name, 'latin1').toString('utf8')
