import type { Instant } from '../platform/clock.ts'
import * as wire from '../wire/schema.ts'

/** Numbered as ftype3 (RFC 1813 section 2.5) and nfs_ftype4 are. */
export const fileKind = {
  regular: 1,
  directory: 2,
  blockDevice: 3,
  characterDevice: 4,
  symlink: 5,
  socket: 6,
  fifo: 7,
} as const
export type FileKind = (typeof fileKind)[keyof typeof fileKind]

export const ROOT_INO = 1
/** Cookies 1 and 2 are `.` and `..`. */
export const FIRST_COOKIE = 3

/**
 * Everything about a file system object but its directory entries and extents. Flat, so that every
 * inode has one shape. Times are seconds and nanoseconds.
 */
export const inodeSchema = wire.struct('inode', {
  kind: wire.varuint,
  mode: wire.varuint,
  nlink: wire.varuint,
  uid: wire.varuint,
  gid: wire.varuint,
  /** Bytes; of a symbolic link the length of its target, of a directory a nominal size. */
  size: wire.varuint,
  /** Bytes in extents that are not holes. */
  used: wire.varuint,
  generation: wire.u32,
  atimeSec: wire.varuint,
  atimeNsec: wire.u32,
  mtimeSec: wire.varuint,
  mtimeNsec: wire.u32,
  ctimeSec: wire.varuint,
  ctimeNsec: wire.u32,
  birthSec: wire.varuint,
  birthNsec: wire.u32,
  /** The directory and cookie of its first link; of a directory its only one. */
  parent: wire.varuint,
  cookie: wire.varuint,
  /** Which extent map is its content (ContentChanged.content). */
  content: wire.varuint,
  /**
   * Of a share that was forked: the share and moment whose extent map it is, until it is changed.
   */
  contentShare: wire.varuint,
  contentSeq: wire.varuint,
  /** Digest of that extent map: the sum over its extents. */
  contentA: wire.u32,
  contentB: wire.u32,
  /** Of a directory: its entries, and the cookie that the next one gets. */
  entries: wire.varuint,
  nextCookie: wire.varuint,
  /** Of a device. */
  major: wire.varuint,
  minor: wire.varuint,
  /** Of a symbolic link. */
  target: wire.varstring,
  /** Of an exclusive create, until attributes are set: eight bytes, or none. */
  verifier: wire.varstring,
})
export type Inode = wire.Infer<typeof inodeSchema>

/** What a directory's size is said to be: nothing depends on it, and zero confuses programs. */
const DIRECTORY_SIZE = 4096

/** A new object as its parent directory first sees it. */
export function newInode(
  kind: FileKind,
  from: {
    readonly mode: number
    readonly uid: number
    readonly gid: number
    readonly generation: number
  },
  ino: number,
  at: Instant,
): Inode {
  const directory = kind === fileKind.directory
  return {
    kind,
    mode: from.mode,
    nlink: directory ? 2 : 1,
    uid: from.uid,
    gid: from.gid,
    size: directory ? DIRECTORY_SIZE : 0,
    used: directory ? DIRECTORY_SIZE : 0,
    generation: from.generation,
    atimeSec: at.sec,
    atimeNsec: at.nsec,
    mtimeSec: at.sec,
    mtimeNsec: at.nsec,
    ctimeSec: at.sec,
    ctimeNsec: at.nsec,
    birthSec: at.sec,
    birthNsec: at.nsec,
    parent: 0,
    cookie: 0,
    content: ino,
    contentShare: 0,
    contentSeq: 0,
    contentA: 0,
    contentB: 0,
    entries: 0,
    nextCookie: directory ? FIRST_COOKIE : 0,
    major: 0,
    minor: 0,
    target: '',
    verifier: '',
  }
}
