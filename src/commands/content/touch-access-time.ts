import { type Instant, laterThan } from '../../platform/clock.ts'
import type { Inode } from '../../projections/inode.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { shareForbids } from '../tree/checks.ts'

/** Keeps an access time that relatime wants kept (see `wantsAccessTime`). */
export interface TouchAccessTime {
  readonly type: 'TouchAccessTime'
  readonly share: number
  readonly ino: number
}

export const touchAccessTime: Decide<TouchAccessTime> = (world, { share, ino }, stamp) => {
  const forbidden = shareForbids(world, share)
  // Reading must not wait for a frozen share, nor fail on a full disk.
  if (forbidden !== undefined || stamp.space === 'full') return refused('readOnly')
  if (world.live(share).inode(ino) === undefined) return refused('stale')
  return accepted([{ type: 'AccessTimeChanged', ino, atime: stamp.at }], ino)
}

const DAY = 24 * 3600

/** relatime (mount(8)): the first read after a change, and then once a day. */
export function wantsAccessTime(inode: Inode, now: Instant): boolean {
  const atime = { sec: inode.atimeSec, nsec: inode.atimeNsec }
  if (now.sec - atime.sec >= DAY) return true
  const mtime = { sec: inode.mtimeSec, nsec: inode.mtimeNsec }
  const ctime = { sec: inode.ctimeSec, nsec: inode.ctimeNsec }
  return !laterThan(atime, mtime) || !laterThan(atime, ctime)
}
