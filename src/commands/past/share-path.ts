import type { Refusal } from '../../journal/refusal.ts'
import { NAME_MAX } from '../../platform/limits.ts'
import type { Control } from '../../projections/control.ts'
import { fileKind, type Inode, ROOT_INO } from '../../projections/inode.ts'
import type { Share } from '../../projections/share.ts'
import { pathOf, type TreeView } from '../../projections/tree-view.ts'
import { isDot } from '../tree/checks.ts'

/** A path of the server's name space: a share, and the way from its root. */
export interface SharePath {
  readonly share: Share
  /** Names as bytes (latin1); empty for the root. */
  readonly names: readonly string[]
}

const DEPTH_MAX = 4096

/**
 * Splits `SHARE:/dir/file`, or `/share/dir/file` at the longest share name that it begins with. The
 * text is UTF-8.
 */
export function sharePath(
  control: Pick<Control, 'shareByName'>,
  text: string,
): SharePath | Refusal {
  const colon = text.indexOf(':')
  const named = colon < 0 ? undefined : control.shareByName(text.slice(0, colon))
  if (named !== undefined) return within(named, text.slice(colon + 1).split('/'))
  const parts = text.split('/').filter((part) => part !== '')
  if (parts.length > DEPTH_MAX) return 'nameTooLong'
  for (let n = parts.length; n > 0; n--) {
    const share = control.shareByName(`/${parts.slice(0, n).join('/')}`)
    if (share !== undefined) return within(share, parts.slice(n))
  }
  return 'unknown'
}

function within(share: Share, parts: readonly string[]): SharePath | Refusal {
  const names = parts
    .filter((part) => part !== '')
    .map((part) => Buffer.from(part, 'utf8').toString('latin1'))
  if (names.length > DEPTH_MAX || names.some((name) => name.length > NAME_MAX)) return 'nameTooLong'
  return names.some(isDot) ? 'invalid' : { share, names }
}

/** The inode that a way leads to, from the root. */
export function walk(view: TreeView, names: readonly string[]): number | Refusal {
  let ino = ROOT_INO
  for (const name of names) {
    if (name.length > NAME_MAX) return 'nameTooLong'
    const entry = view.entry(ino, name)
    if (entry === undefined) return 'noEntry'
    ino = entry.ino
  }
  return ino
}

/** Names for people: UTF-8 where it is. */
export const readable = (name: string): string => Buffer.from(name, 'latin1').toString('utf8')

const kinds = new Map<number, string>(Object.entries(fileKind).map(([name, n]) => [n, name]))

/** `regular`, `directory` … */
export const kindName = (inode: Inode | undefined): string => kinds.get(inode?.kind ?? 0) ?? 'gone'

/** Where an entry is, or was, for people. */
export function entryPath(view: TreeView, dir: number, name: string): string {
  const parent = pathOf(view, dir) ?? `(directory ${dir})`
  return readable(`${parent === '/' ? '' : parent}/${name}`)
}
