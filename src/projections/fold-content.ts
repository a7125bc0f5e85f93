/** How attributes and content follow from their events. */
import type { EventOf } from '../journal/events.ts'
import type { JournalRecord } from '../journal/record.ts'
import { slice } from './extent-slice.ts'
import { inodeOf, putInode } from './fold-tree.ts'
import type { Inode } from './inode.ts'
import { nodeId } from './node-id.ts'
import type { World } from './world.ts'

function attributes(
  world: World,
  event: EventOf<'AttributesChanged'>,
  record: JournalRecord,
): void {
  const inode = inodeOf(world, record, event.ino)
  const { mode, uid, gid, atime, mtime } = event
  putInode(world, record, event.ino, {
    ...inode,
    mode: mode ?? inode.mode,
    uid: uid ?? inode.uid,
    gid: gid ?? inode.gid,
    atimeSec: atime?.sec ?? inode.atimeSec,
    atimeNsec: atime?.nsec ?? inode.atimeNsec,
    mtimeSec: mtime?.sec ?? inode.mtimeSec,
    mtimeNsec: mtime?.nsec ?? inode.mtimeNsec,
    ctimeSec: record.sec,
    ctimeNsec: record.nsec,
    verifier: '',
  })
}

function accessTime(
  world: World,
  event: EventOf<'AccessTimeChanged'>,
  record: JournalRecord,
): void {
  const inode = inodeOf(world, record, event.ino)
  const { sec, nsec } = event.atime ?? record
  putInode(world, record, event.ino, { ...inode, atimeSec: sec, atimeNsec: nsec })
}

function content(world: World, event: EventOf<'ContentChanged'>, record: JournalRecord): void {
  const { share, seq } = record
  const inode = onContent(world, event, record)
  const id = nodeId(share, event.content)
  const delta = world.extents.replace(id, event.extents, inode.size, event.size, seq)
  const mtime = event.mtime ?? record
  const ctime = event.ctime ?? record
  putInode(world, record, event.ino, {
    ...inode,
    size: event.size,
    used: inode.used + delta.used,
    content: event.content,
    contentA: (inode.contentA + delta.a) >>> 0,
    contentB: (inode.contentB + delta.b) >>> 0,
    mode: event.mode ?? inode.mode,
    mtimeSec: mtime.sec,
    mtimeNsec: mtime.nsec,
    ctimeSec: ctime.sec,
    ctimeNsec: ctime.nsec,
    verifier: '',
  })
  const usage = world.usage(share)
  const bytes = usage.bytes + delta.used
  // A new extent map takes its number from the same counter as inodes do.
  const nextIno = Math.max(usage.nextIno, event.content + 1)
  if (bytes !== usage.bytes || nextIno !== usage.nextIno) {
    world.changeUsage(share, { ...usage, nextIno, bytes }, seq)
  }
  if (event.size > inode.size) world.cutOff.grownOver(id, event.size, seq)
}

function cut(world: World, event: EventOf<'ContentCut'>, record: JournalRecord): void {
  const { share, seq, sec, nsec } = record
  const inode = inodeOf(world, record, event.ino)
  const id = nodeId(share, inode.content)
  world.extents.cut(id, event.size, seq)
  world.cutOff.add(id, event.ino, event.size, inode.size, seq)
  putInode(world, record, event.ino, {
    ...inode,
    size: event.size,
    used: event.used,
    contentA: event.sumA,
    contentB: event.sumB,
    mode: event.mode ?? inode.mode,
    mtimeSec: sec,
    mtimeNsec: nsec,
    ctimeSec: sec,
    ctimeNsec: nsec,
    verifier: '',
  })
  const usage = world.usage(share)
  const bytes = usage.bytes - inode.used + event.used
  world.changeUsage(share, { ...usage, bytes }, seq)
}

function swept(world: World, event: EventOf<'ContentSwept'>, { share, seq }: JournalRecord): void {
  const id = nodeId(share, event.content)
  const remains = world.cutOff.get(id)
  // Of a deleted share everything may be gone from the store that the record goes into.
  if (remains === undefined) return
  world.extents.sweep(id, remains.from, event.to, seq)
  world.cutOff.grownOver(id, event.to, seq)
}

/** The inode on the extent map that the event is about: its own, or a new one. */
function onContent(world: World, event: EventOf<'ContentChanged'>, record: JournalRecord): Inode {
  const { share, seq } = record
  const inode = inodeOf(world, record, event.ino)
  if (inode.contentShare !== 0) return adoptContent(world, inode, event, record)
  if (event.content === inode.content) return inode
  if (inode.size > 0) world.bury(nodeId(share, inode.content), seq)
  const usage = world.usage(share)
  world.changeUsage(share, { ...usage, bytes: usage.bytes - inode.used }, seq)
  return { ...inode, size: 0, used: 0, contentA: 0, contentB: 0 }
}

/**
 * The first change of a file that a fork has from its base: its extents become the fork's own.
 * Blocks are not copied. What the event cuts off need not come along.
 */
function adoptContent(
  world: World,
  inode: Inode,
  event: EventOf<'ContentChanged'>,
  { share, seq }: JournalRecord,
): Inode {
  const kept = Math.min(inode.size, event.size)
  const extents = kept === 0 ? [] : world.pastExtents(inode, 0, kept)
  const clipped = extents.map((x) => (x.offset + x.length > kept ? slice(x, x.offset, kept) : x))
  const delta = world.extents.replace(nodeId(share, event.content), clipped, 0, kept, seq)
  const usage = world.usage(share)
  const bytes = usage.bytes - inode.used + delta.used
  world.changeUsage(share, { ...usage, bytes }, seq)
  return {
    ...inode,
    size: kept,
    used: delta.used,
    contentShare: 0,
    contentSeq: 0,
    contentA: delta.a >>> 0,
    contentB: delta.b >>> 0,
  }
}

export const contentFolds = {
  AttributesChanged: attributes,
  AccessTimeChanged: accessTime,
  ContentChanged: content,
  ContentCut: cut,
  ContentSwept: swept,
} as const
