/** What removing a file and removing a directory share. */
import { MAY_WRITE, mayAccess, stickyForbids } from '../../auth/access.ts'
import type { Event } from '../../journal/events.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import type { DecisionWorld, Stamp } from '../decider.ts'
import { isReserved, nameForbids, searchableDirectory } from './checks.ts'

export interface Victim {
  readonly dir: Inode
  readonly ino: number
  readonly inode: Inode
}

/** The entry, when the principal may remove it. */
export function victimOf(
  world: DecisionWorld,
  share: number,
  dirIno: number,
  name: string,
  { principal }: Stamp,
): Victim | Refusal {
  const dir = searchableDirectory(world, share, dirIno, principal)
  if (typeof dir === 'string') return dir
  const bad = nameForbids(name)
  if (bad !== undefined) return bad
  const view = world.live(share)
  const entry = view.entry(dirIno, name)
  if (entry === undefined) return isReserved(world, share, dirIno, name) ? 'readOnly' : 'noEntry'
  const inode = view.inode(entry.ino)
  if (inode === undefined) return 'serverFault'
  if (!mayAccess(dir, principal, MAY_WRITE)) return 'accessDenied'
  if (stickyForbids(dir, inode, principal)) return 'notPermitted'
  return { dir, ino: entry.ino, inode }
}

/** Takes a name away, and the object with its last one. */
export function removal(dir: number, name: string, { ino, inode }: Victim): Event[] {
  const events: Event[] = [{ type: 'EntryUnlinked', dir, name, ino }]
  const last = inode.kind === fileKind.directory || inode.nlink === 1
  if (last) events.push({ type: 'InodeFreed', ino })
  return events
}
