import { SYMLINK_MAX } from '../../platform/limits.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { creationForbids, placeOf, shareForbids } from './checks.ts'
import { type InitialAttributes, ownershipOf } from './new-object.ts'

export interface CreateSymlink {
  readonly type: 'CreateSymlink'
  readonly share: number
  readonly dir: number
  readonly name: string
  /** Any bytes but NUL; not looked at otherwise. */
  readonly target: string
  readonly attributes: InitialAttributes
}

/** Nothing asks a symbolic link for its mode; local file systems say this. */
const SYMLINK_MODE = 0o777

export const createSymlink: Decide<CreateSymlink> = (world, command, stamp) => {
  const { share, dir: dirIno, name, target, attributes } = command
  const forbidden = shareForbids(world, share)
  if (forbidden !== undefined) return forbidden
  const place = placeOf(world, share, dirIno, name, stamp)
  if (typeof place === 'string') return refused(place)
  if (target === '' || target.includes('\0')) return refused('invalid')
  if (target.length > SYMLINK_MAX) return refused('nameTooLong')
  if (place.entry !== undefined) return refused('exists')
  const why = creationForbids(world, share, place.dir, stamp)
  if (why !== undefined) return refused(why)
  const asked = { ...attributes, mode: SYMLINK_MODE }
  const owner = ownershipOf(place.dir, asked, stamp.principal, false, SYMLINK_MODE)
  if (typeof owner === 'string') return refused(owner)
  const ino = world.usage(share).nextIno
  const { atime, mtime } = attributes
  const entry = { dir: dirIno, name, ino, cookie: place.dir.nextCookie }
  const event = { ...entry, ...owner, generation: stamp.random, atime, mtime, target }
  return accepted([{ type: 'SymlinkCreated', ...event }], ino)
}
