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
