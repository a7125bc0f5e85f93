import { isRoot } from '../../auth/principal.ts'
import { fileKind } from '../../projections/inode.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { creationForbids, placeOf, shareForbids } from './checks.ts'
import { type InitialAttributes, ownershipOf } from './new-object.ts'

export interface CreateSpecialFile {
  readonly type: 'CreateSpecialFile'
  readonly share: number
  readonly dir: number
  readonly name: string
  readonly kind:
    | typeof fileKind.blockDevice
    | typeof fileKind.characterDevice
    | typeof fileKind.socket
    | typeof fileKind.fifo
  readonly major: number
  readonly minor: number
  readonly attributes: InitialAttributes
}

const DEFAULT_MODE = 0o644

export const createSpecialFile: Decide<CreateSpecialFile> = (world, command, stamp) => {
  const { share, dir: dirIno, name, kind, attributes } = command
  const forbidden = shareForbids(world, share)
  if (forbidden !== undefined) return forbidden
  const place = placeOf(world, share, dirIno, name, stamp)
  if (typeof place === 'string') return refused(place)
  if (place.entry !== undefined) return refused('exists')
  const why = creationForbids(world, share, place.dir, stamp)
  if (why !== undefined) return refused(why)
  const device = kind === fileKind.blockDevice || kind === fileKind.characterDevice
  if (device && !isRoot(stamp.principal)) return refused('notPermitted')
  const owner = ownershipOf(place.dir, attributes, stamp.principal, false, DEFAULT_MODE)
  if (typeof owner === 'string') return refused(owner)
  const ino = world.usage(share).nextIno
  const { atime, mtime } = attributes
  const entry = { dir: dirIno, name, ino, cookie: place.dir.nextCookie }
  const { major, minor } = device ? command : { major: 0, minor: 0 }
  const event = { ...entry, ...owner, generation: stamp.random, atime, mtime, kind, major, minor }
  return accepted([{ type: 'SpecialFileCreated', ...event }], ino)
}
