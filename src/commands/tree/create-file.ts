import { MAY_WRITE, mayAccess } from '../../auth/access.ts'
import type { Principal } from '../../auth/principal.ts'
import type { Event, EventOf } from '../../journal/events.ts'
import { FILE_SIZE_MAX } from '../../platform/limits.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import { growth, resized } from '../content/resize.ts'
import {
  accepted,
  type Decide,
  type DecisionWorld,
  type Outcome,
  refused,
  type Stamp,
} from '../decider.ts'
import { creationForbids, type Place, placeOf, shareForbids } from './checks.ts'
import { type InitialAttributes, ownershipOf } from './new-object.ts'

export interface CreateFile {
  readonly type: 'CreateFile'
  readonly share: number
  readonly dir: number
  readonly name: string
  /** `unchecked`: an existing file is as good; `exclusive`: one with the same verifier is. */
  readonly how: 'unchecked' | 'guarded' | 'exclusive'
  /** Eight bytes, with `exclusive`. */
  readonly verifier: string | undefined
  readonly attributes: InitialAttributes
  /** The size that the file is given, new or not. */
  readonly size: number | undefined
}

const DEFAULT_MODE = 0o644

export const createFile: Decide<CreateFile> = (world, command, stamp) => {
  const forbidden = shareForbids(world, command.share)
  if (forbidden !== undefined) return forbidden
  const place = placeOf(world, command.share, command.dir, command.name, stamp)
  if (typeof place === 'string') return refused(place)
  if ((command.size ?? 0) > FILE_SIZE_MAX) return refused('fileTooLarge')
  if (place.entry !== undefined) return existing(world, command, place.entry.ino, stamp)
  return created(world, command, place, stamp)
}

function existing(world: DecisionWorld, command: CreateFile, ino: number, stamp: Stamp): Outcome {
  const file = world.live(command.share).inode(ino)
  if (file === undefined) return refused('serverFault')
  if (command.how === 'exclusive') {
    const same = command.verifier !== undefined && file.verifier === command.verifier
    return same ? accepted([], ino) : refused('exists')
  }
  if (command.how === 'guarded' || file.kind !== fileKind.regular) return refused('exists')
  if (command.size === undefined) return accepted([], ino)
  if (!mayResize(file, stamp.principal)) return refused('accessDenied')
  const change = resized(world, command.share, file, ino, command.size, stamp)
  return typeof change === 'string' ? refused(change) : accepted([change], ino)
}

/** Its owner has it open for writing perhaps, whatever the mode says by now (as open(2) does). */
const mayResize = (file: Inode, principal: Principal): boolean =>
  file.uid === principal.uid || mayAccess(file, principal, MAY_WRITE)

/**
 * The file that is there already and that the principal may give a size in this way. Looked at
 * before any work is done for it, and again when it is decided. undefined: there is none.
 */
export function resizedByCreating(
  world: DecisionWorld,
  command: CreateFile,
  principal: Principal,
): number | undefined {
  const { how, share, dir, name, size } = command
  if (how !== 'unchecked' || size === undefined) return undefined
  if (shareForbids(world, share) !== undefined) return undefined
  const place = placeOf(world, share, dir, name, { principal })
  if (typeof place === 'string' || place.entry === undefined) return undefined
  const { ino } = place.entry
  const file = world.live(share).inode(ino)
  return file !== undefined && mayResize(file, principal) ? ino : undefined
}

function created(world: DecisionWorld, command: CreateFile, { dir }: Place, stamp: Stamp): Outcome {
  const forbidden = creationForbids(world, command.share, dir, stamp)
  if (forbidden !== undefined) return refused(forbidden)
  const { attributes } = command
  const owner = ownershipOf(dir, attributes, stamp.principal, false, DEFAULT_MODE)
  if (typeof owner === 'string') return refused(owner)
  const ino = world.usage(command.share).nextIno
  const file: EventOf<'FileCreated'> = {
    type: 'FileCreated',
    dir: command.dir,
    name: command.name,
    ino,
    cookie: dir.nextCookie,
    generation: stamp.random,
    mode: owner.mode,
    uid: owner.uid,
    gid: owner.gid,
    atime: attributes.atime,
    mtime: attributes.mtime,
    verifier: command.verifier,
  }
  const events: Event[] = [file]
  if (command.size) events.push(growth(ino, command.size, attributes.mtime))
  return accepted(events, ino)
}
