/**
 * `.history` at a share's root: a directory of past moments, each a read-only tree of the share as
 * it was then. It is found by name and listed only where the share's options say so.
 */

import { parseMoment, resolveMoment, timeName } from '../../commands/moments.ts'
import { HISTORY_NAME } from '../../commands/tree/checks.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { ROOT_INO } from '../../projections/inode.ts'
import type { Share } from '../../projections/share.ts'
import { HISTORY_INO, type Nfs3, NOW, type Opened } from './context.ts'

export interface ListedEntry {
  readonly ino: number
  readonly name: string
  readonly cookie: number
  /** The moment that it is of; NOW, or HISTORY. */
  readonly asOf: number
}

/** Cookies of moments: their record, and room for several names of it. */
const NAMES_PER_MOMENT = 64
/** Recent moments listed beside the labels. */
const RECENT_LISTED = 64

export const isHistory = ({ ino }: Opened): boolean => ino === HISTORY_INO

/** Whether a name in a directory is that of the directory of moments. */
export function namesHistory({ share, ino, asOf }: Opened, name: string): boolean {
  return (
    name === HISTORY_NAME && ino === ROOT_INO && asOf === NOW && share.options.history !== 'off'
  )
}

export interface Found {
  readonly ino: number
  readonly asOf: number
  readonly generation: number
}

/** What a name in `.history` leads to. */
export async function findMoment(
  nfs: Nfs3,
  { share }: Opened,
  name: string,
): Promise<Found | Refusal> {
  const text = Buffer.from(name, 'latin1').toString('utf8')
  const moment = parseMoment(text)
  if (moment === undefined) return 'noEntry'
  const { stream, journal, world } = nfs.engine
  await nfs.engine.readable()
  const horizon = world.horizon(share.id)
  const seq = await resolveMoment(moment, share, journal, stream.durable, horizon)
  if (typeof seq === 'string') return 'noEntry'
  const root = world.asOf(share.id, seq).inode(ROOT_INO)
  return root === undefined ? 'noEntry' : { ino: ROOT_INO, asOf: seq, generation: root.generation }
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
