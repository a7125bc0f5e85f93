import { LINK_MAX } from '../../platform/limits.ts'
import { fileKind } from '../../projections/inode.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { creationForbids, placeOf, shareForbids } from './checks.ts'

export interface LinkEntry {
  readonly type: 'LinkEntry'
  readonly share: number
  readonly ino: number
  readonly dir: number
  readonly name: string
}

export const linkEntry: Decide<LinkEntry> = (world, command, stamp) => {
  const { share, ino, dir: dirIno, name } = command
  const forbidden = shareForbids(world, share)
  if (forbidden !== undefined) return forbidden
  const place = placeOf(world, share, dirIno, name, stamp)
  if (typeof place === 'string') return refused(place)
  const inode = world.live(share).inode(ino)
  if (inode === undefined) return refused('stale')
  if (inode.kind === fileKind.directory) return refused('isDirectory')
  if (place.entry !== undefined) return refused('exists')
  if (inode.nlink >= LINK_MAX) return refused('tooManyLinks')
  const why = creationForbids(world, share, place.dir, stamp)
  if (why !== undefined) return refused(why)
  const entry = { dir: dirIno, name, ino, cookie: place.dir.nextCookie }
  return accepted([{ type: 'EntryLinked', ...entry }], ino)
}
