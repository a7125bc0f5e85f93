import { MAY_WRITE, mayAccess } from '../../auth/access.ts'
import type { Event } from '../../journal/events.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { LINK_MAX } from '../../platform/limits.ts'
import { fileKind, ROOT_INO } from '../../projections/inode.ts'
import { accepted, type Decide, type DecisionWorld, refused, type Stamp } from '../decider.ts'
import { creationForbids, isDot, placeOf, searchableDirectory, shareForbids } from './checks.ts'
import { removal, type Victim, victimOf } from './remove-entry.ts'

/** Gives an entry another name or place, over what has that name if it can give way. */
export interface RenameEntry {
  readonly type: 'RenameEntry'
  readonly share: number
  readonly fromDir: number
  readonly fromName: string
  readonly toDir: number
  readonly toName: string
}

export const renameEntry: Decide<RenameEntry> = (world, command, stamp) => {
  const { share, fromDir, fromName, toDir, toName } = command
  const forbidden = shareForbids(world, share)
  if (forbidden !== undefined) return forbidden
  if (isDot(fromName) || isDot(toName)) return refused('invalid')
  const target = searchableDirectory(world, share, toDir, stamp.principal)
  const moved = victimOf(world, share, fromDir, fromName, stamp)
  if (typeof moved === 'string') return refused(moved)
  if (typeof target === 'string') return refused(target)
  const place = placeOf(world, share, toDir, toName, stamp)
  if (typeof place === 'string') return refused(place)
  const there = place.entry
  // Two names of one object: POSIX wants nothing to happen.
  if (there?.ino === moved.ino) return accepted([], moved.ino)
  const why =
    creationForbids(world, share, target, { ...stamp, space: 'free' }) ??
    moveForbids(world, command, moved, stamp)
  if (why !== undefined) return refused(why)
  const events: Event[] = []
  if (there !== undefined) {
    const victim = replaceable(world, command, moved, stamp)
    if (typeof victim === 'string') return refused(victim)
    events.push(...removal(toDir, toName, victim))
  }
  // Within a directory an entry keeps its cookie: a listing under way neither misses nor repeats
  // it.
  const cookie = fromDir === toDir ? cookieOf(world, command) : target.nextCookie
  const { ino } = moved
  events.push({ type: 'EntryRenamed', fromDir, fromName, toDir, toName, ino, cookie })
  return accepted(events, ino)
}

function cookieOf(world: DecisionWorld, { share, fromDir, fromName }: RenameEntry): number {
  return world.live(share).entry(fromDir, fromName)?.cookie ?? 0
}

/** A directory must not move below itself, and whoever moves it must be able to change its `..`. */
function moveForbids(
  world: DecisionWorld,
  { share, fromDir, toDir }: RenameEntry,
  moved: Victim,
  stamp: Stamp,
): Refusal | undefined {
  if (moved.inode.kind !== fileKind.directory || fromDir === toDir) return undefined
  const view = world.live(share)
  for (let at = toDir; at !== ROOT_INO; ) {
    if (at === moved.ino) return 'invalid'
    const parent = view.inode(at)?.parent
    if (parent === undefined) return 'serverFault'
    at = parent
  }
  if (!mayAccess(moved.inode, stamp.principal, MAY_WRITE)) return 'accessDenied'
  return (view.inode(toDir)?.nlink ?? 0) >= LINK_MAX ? 'tooManyLinks' : undefined
}

/** What has the new name, when it may be and can be replaced. */
function replaceable(
  world: DecisionWorld,
  { share, toDir, toName }: RenameEntry,
  moved: Victim,
  stamp: Stamp,
): Victim | Refusal {
  const victim = victimOf(world, share, toDir, toName, stamp)
  if (typeof victim === 'string') return victim
  const directory = moved.inode.kind === fileKind.directory
  if (victim.inode.kind !== fileKind.directory) return directory ? 'notDirectory' : victim
  if (!directory) return 'isDirectory'
  return victim.inode.entries > 0 ? 'notEmpty' : victim
}
