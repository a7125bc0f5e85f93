import type { Event } from '../../journal/events.ts'
import type { Extent } from '../../journal/fields.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import type { TreeView } from '../../projections/tree-view.ts'
import { contentFor } from '../content/resize.ts'
import { accepted, type Decide, type DecisionWorld, refused, type Stamp } from '../decider.ts'
import { isDot, isReserved, nameForbids, shareForbids } from './checks.ts'
import { removal } from './remove-entry.ts'

/**
 * Makes an entry what an inode was at a past moment: its content by reference, its attributes and
 * times. What has the name now is changed where it is of the same kind, and gives way otherwise.
 * Directories come without their entries.
 */
export interface RestoreInode {
  readonly type: 'RestoreInode'
  readonly share: number
  /** Whose past it is, and the record after which the moment is. */
  readonly from: { readonly share: number; readonly ino: number; readonly seq: number }
  readonly dir: number
  readonly name: string
  /** With `content` or `attributes` only that of the object that has the name. */
  readonly part: 'all' | 'content' | 'attributes'
}

/** Extents that one record may name here: a file of more cannot be restored at once. */
const EXTENTS_MAX = 200_000

export const restoreInode: Decide<RestoreInode> = (world, command, stamp) => {
  const { share, from, dir: dirIno, name } = command
  const forbidden = shareForbids(world, share)
  if (forbidden !== undefined) return forbidden
  const view = world.live(share)
  const dir = view.inode(dirIno)
  if (dir === undefined) return refused('stale')
  if (dir.kind !== fileKind.directory) return refused('notDirectory')
  const bad = nameForbids(name)
  if (bad !== undefined) return refused(bad)
  if (isDot(name) || isReserved(world, share, dirIno, name)) return refused('exists')
  if (stamp.space === 'full') return refused('noSpace')
  if (from.seq < world.horizon(from.share)) return refused('outOfRetention')
  const past = world.asOf(from.share, from.seq)
  const source = past.inode(from.ino)
  if (source === undefined) return refused('noEntry')
  const extents = command.part === 'attributes' ? [] : contentOf(past, source)
  if (typeof extents === 'string') return refused(extents)
  const entry = view.entry(dirIno, name)
  const there = entry && view.inode(entry.ino)
  if (command.part !== 'attributes' && overQuota(world, share, source, there)) {
    return refused('quotaExceeded')
  }
  // What another name stands for too would change under that name as well.
  const shared = there !== undefined && there.nlink > 1 && entry?.ino !== from.ino
  if (
    entry !== undefined &&
    there !== undefined &&
    canBecome(there, source, command.part) &&
    !shared
  ) {
    return accepted(changed(world, command, entry.ino, there, source, extents), entry.ino)
  }
  if (command.part !== 'all') return refused('invalid')
  const events: Event[] = []
  if (entry !== undefined && there !== undefined) {
    if (there.kind === fileKind.directory && there.entries > 0) return refused('notEmpty')
    events.push(...removal(dirIno, name, { dir, ino: entry.ino, inode: there }))
  }
  const ino = world.usage(share).nextIno
  events.push(...created(command, dir, ino, source, extents, stamp))
  return accepted(events, ino)
}

function contentOf(past: TreeView, source: Inode): readonly Extent[] | Refusal {
  if (source.kind !== fileKind.regular || source.size === 0) return []
  const extents = past.extents(source, 0, source.size)
  if (extents.length > EXTENTS_MAX) return 'fileTooLarge'
  return covers(extents, source.size) ? extents : 'outOfRetention'
}

/** Whether all that the file was is still known: the past is forgotten while it is looked at. */
function covers(extents: readonly Extent[], size: number): boolean {
  let end = 0
  for (const { offset, length } of extents) {
    if (offset > end) return false
    end = offset + length
  }
  return end >= size
}

function overQuota(
  world: DecisionWorld,
  share: number,
  source: Inode,
  there: Inode | undefined,
): boolean {
  const quota = world.control.shares.get(share)?.options.quota ?? 0
  if (quota === 0 || source.kind !== fileKind.regular) return false
  const freed = there?.kind === fileKind.regular && there.nlink === 1 ? there.used : 0
  return world.usage(share).bytes - freed + source.used > quota
}

/** Whether what is there can become the other by changes alone. */
function canBecome(there: Inode, source: Inode, part: RestoreInode['part']): boolean {
  if (there.kind !== source.kind) return false
  if (part === 'attributes') return true
  return there.kind === fileKind.regular || there.kind === fileKind.directory
}

function attributesOf(ino: number, source: Inode): Event {
  return {
    type: 'AttributesChanged',
    ino,
    mode: source.mode,
    uid: source.uid,
    gid: source.gid,
    atime: { sec: source.atimeSec, nsec: source.atimeNsec },
    mtime: { sec: source.mtimeSec, nsec: source.mtimeNsec },
  }
}

function changed(
  world: DecisionWorld,
  { share, part }: RestoreInode,
  ino: number,
  there: Inode,
  source: Inode,
  extents: readonly Extent[],
): Event[] {
  const events: Event[] = []
  if (there.kind === fileKind.regular && part !== 'attributes') {
    const { nextIno } = world.usage(share)
    // An extent map of its own, so that nothing of the present one has to be deleted.
    const content = there.size > 0 ? nextIno : contentFor(there, source.size, nextIno)
    events.push(contentChange(ino, content, source.size, extents))
  }
  if (part === 'content') events.push(timesOf(ino, source))
  else events.push(attributesOf(ino, source))
  return events
}

/** Content takes the time of its last change along. */
const timesOf = (ino: number, source: Inode): Event => ({
  type: 'AttributesChanged',
  ino,
  mode: undefined,
  uid: undefined,
  gid: undefined,
  atime: undefined,
  mtime: { sec: source.mtimeSec, nsec: source.mtimeNsec },
})

const contentChange = (
  ino: number,
  content: number,
  size: number,
  extents: readonly Extent[],
): Event => ({
  type: 'ContentChanged',
  ino,
  size,
  content,
  extents,
  mode: undefined,
  mtime: undefined,
  ctime: undefined,
})

function created(
  { dir, name }: RestoreInode,
  parent: Inode,
  ino: number,
  source: Inode,
  extents: readonly Extent[],
  { random }: Stamp,
): Event[] {
  const inode = {
    dir,
    name,
    ino,
    cookie: parent.nextCookie,
    generation: random,
    mode: source.mode,
    uid: source.uid,
    gid: source.gid,
    atime: { sec: source.atimeSec, nsec: source.atimeNsec },
    mtime: { sec: source.mtimeSec, nsec: source.mtimeNsec },
  }
  switch (source.kind) {
    case fileKind.regular: {
      const events: Event[] = [{ type: 'FileCreated', ...inode, verifier: undefined }]
      if (source.size === 0) return events
      events.push(contentChange(ino, ino, source.size, extents), attributesOf(ino, source))
      return events
    }
    case fileKind.directory:
      return [{ type: 'DirectoryCreated', ...inode }]
    case fileKind.symlink:
      return [{ type: 'SymlinkCreated', ...inode, target: source.target }]
    default: {
      const { kind, major, minor } = source
      return [{ type: 'SpecialFileCreated', ...inode, kind, major, minor }]
    }
  }
}
