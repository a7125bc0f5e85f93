// RFC 1813 section 2.5 and 2.6: attributes as clients see them, what is staged included.
import type { StagedFile } from '../../content/staging.ts'
import type { Inode } from '../../projections/inode.ts'
import type { fattr3, ftype3, wcc_attr } from './wire-types.ts'

/** Whether the staged bytes are the last that changed the file. */
function stagedIsNewer(inode: Inode, { mtime }: StagedFile): boolean {
  if (mtime === undefined) return false
  const { sec, nsec } = mtime
  return sec > inode.ctimeSec || (sec === inode.ctimeSec && nsec > inode.ctimeNsec)
}

/** Each moment of the past is a file system of its own: its inodes are not those of now. */
const MOMENTS = 2 ** 13
export const fsidOf = (share: number, asOf: number): number => share + asOf * MOMENTS

export function fattr3Of(
  share: number,
  ino: number,
  inode: Inode,
  staged: StagedFile | undefined,
  asOf = 0,
): fattr3 {
  const attributes = {
    type: inode.kind as ftype3,
    mode: inode.mode,
    nlink: inode.nlink,
    uid: inode.uid,
    gid: inode.gid,
    size: inode.size,
    used: inode.used,
    rdev: { specdata1: inode.major, specdata2: inode.minor },
    fsid: fsidOf(share, asOf),
    fileid: ino,
    atime: { seconds: inode.atimeSec, nseconds: inode.atimeNsec },
    mtime: { seconds: inode.mtimeSec, nseconds: inode.mtimeNsec },
    ctime: { seconds: inode.ctimeSec, nseconds: inode.ctimeNsec },
  }
  if (staged !== undefined) overlay(attributes, inode, staged)
  return attributes
}

function overlay(
  attributes: { -readonly [K in keyof fattr3]: fattr3[K] },
  inode: Inode,
  staged: StagedFile,
): void {
  attributes.size = Math.max(inode.size, staged.end)
  attributes.used = inode.used + staged.bytes
  if (staged.mtime === undefined) return
  const { sec: seconds, nsec: nseconds } = staged.mtime
  attributes.mtime = { seconds, nseconds }
  if (stagedIsNewer(inode, staged)) attributes.ctime = { seconds, nseconds }
}

export function wccAttrOf(inode: Inode, staged: StagedFile | undefined): wcc_attr {
  const mtime = { seconds: inode.mtimeSec, nseconds: inode.mtimeNsec }
  const ctime = { seconds: inode.ctimeSec, nseconds: inode.ctimeNsec }
  if (staged === undefined) return { size: inode.size, mtime, ctime }
  const size = Math.max(inode.size, staged.end)
  if (staged.mtime === undefined) return { size, mtime, ctime }
  const { sec: seconds, nsec: nseconds } = staged.mtime
  const newer = { seconds, nseconds }
  return { size, mtime: newer, ctime: stagedIsNewer(inode, staged) ? newer : ctime }
}
