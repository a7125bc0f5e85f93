/**
 * `.history` at a share's root: a directory of past moments, each a read-only tree of the share as
 * it was then. It is found by name and listed only where the share's options say so.
 */

import { timeName } from '../../commands/moments.ts'
import { HISTORY_NAME } from '../../commands/tree/checks.ts'
import { ROOT_INO } from '../../projections/inode.ts'
import type { Share } from '../../projections/share.ts'
import { HISTORY_INO } from '../history-moment.ts'
import { type Nfs3, NOW, type Opened } from './context.ts'

export interface ListedEntry {
  readonly ino: number
  readonly name: string
  readonly cookie: number
  /** The moment that it is of; NOW, or HISTORY. */
  readonly asOf: number
}

/** Cookies of moments: their record, and room for several names of it. */
const NAMES_PER_MOMENT = 1024
/** Recent moments listed beside the labels. */
const RECENT_LISTED = 64

export const isHistory = ({ ino }: Opened): boolean => ino === HISTORY_INO

/** Whether a name in a directory is that of the directory of moments. */
export function namesHistory({ share, ino, asOf }: Opened, name: string): boolean {
  return (
    name === HISTORY_NAME && ino === ROOT_INO && asOf === NOW && share.options.history !== 'off'
  )
}

/** Labels and the times of recent changes, in the order of their moments. */
export function momentsOf(nfs: Nfs3, share: Share): ListedEntry[] {
  const named = new Map<number, string[]>()
  const add = (seq: number, name: string) => {
    const names = named.get(seq) ?? []
    if (names.length < NAMES_PER_MOMENT) names.push(name)
    named.set(seq, names)
  }
  const horizon = nfs.engine.world.horizon(share.id)
  const { durable } = nfs.engine.stream
  for (const [label, seq] of Object.entries(share.labels)) {
    if (seq >= horizon && seq <= durable) add(seq, label)
  }
  for (const { seq, at } of nfs.engine.changes.recent(share.id, RECENT_LISTED)) {
    if (seq >= horizon && seq <= durable) add(seq, timeName(at))
  }
  return [...named]
    .sort(([a], [b]) => a - b)
    .flatMap(([seq, names]) =>
      names.map((name, i) => ({
        ino: ROOT_INO,
        name,
        cookie: seq * NAMES_PER_MOMENT + i,
        asOf: seq,
      })),
    )
}
