import { LINK_MAX } from '../../platform/limits.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { creationForbids, placeOf, shareForbids } from './checks.ts'
import { type InitialAttributes, ownershipOf } from './new-object.ts'

export interface CreateDirectory {
  readonly type: 'CreateDirectory'
  readonly share: number
  readonly dir: number
  readonly name: string
  readonly attributes: InitialAttributes
}

const DEFAULT_MODE = 0o755

export const createDirectory: Decide<CreateDirectory> = (world, command, stamp) => {
  const { share, dir: dirIno, name, attributes } = command
  const forbidden = shareForbids(world, share)
  if (forbidden !== undefined) return forbidden
  const place = placeOf(world, share, dirIno, name, stamp)
  if (typeof place === 'string') return refused(place)
  if (place.entry !== undefined) return refused('exists')
  const { dir } = place
  const why = creationForbids(world, share, dir, stamp)
  if (why !== undefined) return refused(why)
  // Each subdirectory's `..` is a link to its parent.
  if (dir.nlink >= LINK_MAX) return refused('tooManyLinks')
  const owner = ownershipOf(dir, attributes, stamp.principal, true, DEFAULT_MODE)
  if (typeof owner === 'string') return refused(owner)
  const ino = world.usage(share).nextIno
  const { atime, mtime } = attributes
  const entry = { dir: dirIno, name, ino, cookie: dir.nextCookie }
  const event = { ...entry, ...owner, generation: stamp.random, atime, mtime }
  return accepted([{ type: 'DirectoryCreated', ...event }], ino)
}
