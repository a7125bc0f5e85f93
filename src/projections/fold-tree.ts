/** How the tree follows from its events: inodes, entries, listings and links. */
import type { EventOf } from '../journal/events.ts'
import type { JournalRecord } from '../journal/record.ts'
import { deadEntry, deadInode, deadLink, deadListing, forkOf } from './fork-view.ts'
import { type FileKind, fileKind, type Inode, newInode } from './inode.ts'
import { nodeId } from './node-id.ts'
import type { Entry } from './rows.ts'
import type { World } from './world.ts'
import { WorldError } from './world-error.ts'

type NewEntry = {
  readonly dir: number
  readonly name: string
  readonly ino: number
  readonly cookie: number
}
type NewInode = NewEntry & {
  readonly generation: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly atime: { readonly sec: number; readonly nsec: number } | undefined
  readonly mtime: { readonly sec: number; readonly nsec: number } | undefined
}

export function inodeOf(world: World, record: JournalRecord, ino: number): Inode {
  const inode = world.live(record.share).inode(ino)
  if (inode === undefined) throw new WorldError(`record ${record.seq}: no inode ${ino}`)
  return inode
}

export function putInode(world: World, record: JournalRecord, ino: number, inode: Inode): void {
  world.inodes.put(nodeId(record.share, ino), 0, inode, record.seq)
}

function entryOf(world: World, record: JournalRecord, dir: number, name: string): Entry {
  const entry = world.live(record.share).entry(dir, name)
  if (entry === undefined) throw new WorldError(`record ${record.seq}: no entry in ${dir}`)
  return entry
}

function create(
  world: World,
  event: NewInode,
  record: JournalRecord,
  kind: FileKind,
  special: Partial<Inode>,
): void {
  const { atime, mtime } = event
  const inode = newInode(kind, event, event.ino, record)
  const { seq, share } = record
  const created = {
    ...inode,
    parent: event.dir,
    cookie: event.cookie,
    atimeSec: atime?.sec ?? inode.atimeSec,
    atimeNsec: atime?.nsec ?? inode.atimeNsec,
    mtimeSec: mtime?.sec ?? inode.mtimeSec,
    mtimeNsec: mtime?.nsec ?? inode.mtimeNsec,
    ...special,
  }
  world.inodes.insert(nodeId(share, event.ino), 0, created, seq)
  if (kind === fileKind.directory) world.entries.begin(nodeId(share, event.ino))
  addEntry(world, event, record)
  changeDirectory(world, record, event.dir, 1, kind === fileKind.directory ? 1 : 0, event.cookie)
  const usage = world.usage(share)
  const next = {
    nextIno: Math.max(usage.nextIno, event.ino + 1),
    inodes: usage.inodes + 1,
    bytes: usage.bytes,
  }
  world.changeUsage(share, next, seq)
}

function addEntry(world: World, { dir, name, ino, cookie }: NewEntry, record: JournalRecord): void {
  const id = nodeId(record.share, dir)
  if (forkOf(world, record.share) === undefined) {
    world.entries.insert(id, name, { ino, cookie }, record.seq)
    world.listings.insert(id, cookie, { name, ino }, record.seq)
  } else {
    // There may be a tombstone.
    world.entries.put(id, name, { ino, cookie }, record.seq)
    world.listings.put(id, cookie, { name, ino }, record.seq)
  }
}

function dropEntry(world: World, dir: number, name: string, record: JournalRecord): Entry {
  const entry = entryOf(world, record, dir, name)
  const { share, seq } = record
  const id = nodeId(share, dir)
  const fork = forkOf(world, share)
  if (fork?.hasEntryBelow(dir, name)) world.entries.put(id, name, deadEntry, seq)
  else world.entries.delete(id, name, seq)
  if (fork?.hasListingBelow(dir, entry.cookie)) {
    world.listings.put(id, entry.cookie, deadListing, seq)
  } else {
    world.listings.delete(id, entry.cookie, seq)
  }
  return entry
}

/** A directory gains or loses entries: its counts, cookies and times follow. */
function changeDirectory(
  world: World,
  record: JournalRecord,
  dir: number,
  entries: number,
  directories: number,
  cookie: number,
): void {
  const inode = inodeOf(world, record, dir)
  putInode(world, record, dir, {
    ...inode,
    entries: inode.entries + entries,
    nlink: inode.nlink + directories,
    nextCookie: Math.max(inode.nextCookie, cookie + 1),
    mtimeSec: record.sec,
    mtimeNsec: record.nsec,
    ctimeSec: record.sec,
    ctimeNsec: record.nsec,
  })
}

const linkKey = (dir: number, cookie: number): string => `${dir}/${cookie}`

function linked(world: World, event: EventOf<'EntryLinked'>, record: JournalRecord): void {
  addEntry(world, event, record)
  changeDirectory(world, record, event.dir, 1, 0, event.cookie)
  const inode = inodeOf(world, record, event.ino)
  const { dir, cookie } = event
  // An inode without links is one that was kept open; the new one becomes its first again.
  const first = inode.nlink === 0
  putInode(world, record, event.ino, {
    ...inode,
    nlink: inode.nlink + 1,
    parent: first ? dir : inode.parent,
    cookie: first ? cookie : inode.cookie,
    ctimeSec: record.sec,
    ctimeNsec: record.nsec,
  })
  if (first) return
  const id = nodeId(record.share, event.ino)
  world.links.put(id, linkKey(dir, cookie), { dir, cookie }, record.seq)
}

function unlinked(world: World, event: EventOf<'EntryUnlinked'>, record: JournalRecord): void {
  const { dir, name, ino } = event
  const { cookie } = dropEntry(world, dir, name, record)
  const inode = inodeOf(world, record, ino)
  const directory = inode.kind === fileKind.directory
  changeDirectory(world, record, dir, -1, directory ? -1 : 0, 0)
  const nlink = directory ? 0 : inode.nlink - 1
  const first = unlinkKey(world, record, ino, inode, dir, cookie, nlink)
  putInode(world, record, ino, {
    ...inode,
    nlink,
    parent: first.dir,
    cookie: first.cookie,
    ctimeSec: record.sec,
    ctimeNsec: record.nsec,
  })
}

/** Forgets one link of an inode and returns which is its first from now on. */
function unlinkKey(
  world: World,
  record: JournalRecord,
  ino: number,
  inode: Inode,
  dir: number,
  cookie: number,
  nlink: number,
): { readonly dir: number; readonly cookie: number } {
  const first = { dir: inode.parent, cookie: inode.cookie }
  if (first.dir !== dir || first.cookie !== cookie) {
    dropLink(world, record, ino, linkKey(dir, cookie))
    return first
  }
  if (nlink === 0) return first
  for (const [key, other] of world.live(record.share).links(ino)) {
    dropLink(world, record, ino, key)
    return other
  }
  throw new WorldError(`record ${record.seq}: inode ${ino} has lost its links`)
}

function dropLink(world: World, record: JournalRecord, ino: number, key: string): void {
  const id = nodeId(record.share, ino)
  if (forkOf(world, record.share)?.hasBelow(ino)) world.links.put(id, key, deadLink, record.seq)
  else world.links.delete(id, key, record.seq)
}

function renamed(world: World, event: EventOf<'EntryRenamed'>, record: JournalRecord): void {
  const { fromDir, fromName, toDir, toName, ino, cookie } = event
  const old = dropEntry(world, fromDir, fromName, record)
  addEntry(world, { dir: toDir, name: toName, ino, cookie }, record)
  const inode = inodeOf(world, record, ino)
  const moved = inode.kind === fileKind.directory && fromDir !== toDir ? 1 : 0
  if (fromDir === toDir) {
    changeDirectory(world, record, toDir, 0, 0, cookie)
  } else {
    changeDirectory(world, record, fromDir, -1, -moved, 0)
    changeDirectory(world, record, toDir, 1, moved, cookie)
  }
  const first = inode.parent === fromDir && inode.cookie === old.cookie
  putInode(world, record, ino, {
    ...inodeOf(world, record, ino),
    parent: first ? toDir : inode.parent,
    cookie: first ? cookie : inode.cookie,
    ctimeSec: record.sec,
    ctimeNsec: record.nsec,
  })
  if (first) return
  const id = nodeId(record.share, ino)
  dropLink(world, record, ino, linkKey(fromDir, old.cookie))
  world.links.put(id, linkKey(toDir, cookie), { dir: toDir, cookie }, record.seq)
}

function freed(world: World, event: EventOf<'InodeFreed'>, record: JournalRecord): void {
  const { share, seq } = record
  const inode = inodeOf(world, record, event.ino)
  const id = nodeId(share, event.ino)
  if (forkOf(world, share)?.hasBelow(event.ino)) world.inodes.put(id, 0, deadInode(inode), seq)
  else world.inodes.delete(id, 0, seq)
  if (inode.contentShare === 0 && inode.kind === fileKind.regular && inode.size > 0) {
    // Its extents stay where they are: the past refers to them until retention ends.
    world.bury(nodeId(share, inode.content), seq)
  }
  const usage = world.usage(share)
  const bytes = usage.bytes - (inode.kind === fileKind.regular ? inode.used : 0)
  world.changeUsage(share, { ...usage, inodes: usage.inodes - 1, bytes }, seq)
}

export const treeFolds = {
  FileCreated: (world: World, event: EventOf<'FileCreated'>, record: JournalRecord) =>
    create(world, event, record, fileKind.regular, { verifier: event.verifier ?? '' }),
  DirectoryCreated: (world: World, event: EventOf<'DirectoryCreated'>, record: JournalRecord) =>
    create(world, event, record, fileKind.directory, {}),
  SymlinkCreated: (world: World, event: EventOf<'SymlinkCreated'>, record: JournalRecord) =>
    create(world, event, record, fileKind.symlink, {
      target: event.target,
      size: event.target.length,
    }),
  SpecialFileCreated: (world: World, event: EventOf<'SpecialFileCreated'>, record: JournalRecord) =>
    create(world, event, record, event.kind as FileKind, {
      major: event.major,
      minor: event.minor,
    }),
  EntryLinked: linked,
  EntryUnlinked: unlinked,
  EntryRenamed: renamed,
  InodeFreed: freed,
} as const
