import type { NodeName } from './audit-context.ts'
import type { World } from './world.ts'

/** A damaged tree must not make a walk endless. */
export const DEPTH_MAX = 100_000

/** Where the first link of an inode is now; undefined: nowhere, or it is a root. */
export function placeOf(world: World, share: number, ino: number): NodeName | undefined {
  const view = world.live(share)
  const inode = view.inode(ino)
  if (inode === undefined || inode.parent === 0) return undefined
  const name = view.listing(inode.parent, inode.cookie)?.name
  return name === undefined ? undefined : { parent: inode.parent, name }
}
