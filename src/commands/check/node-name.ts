import { inoOf, shareOf } from '../../projections/node-id.ts'
import { pathOf } from '../../projections/tree-view.ts'
import type { World } from '../../projections/world.ts'

/** Where an object is, for people: its share, its path as far as there is one, and its number. */
export function nodeName(world: World, id: number): string {
  const [share, ino] = [shareOf(id), inoOf(id)]
  const label = world.control.shares.get(share)?.name ?? `share ${share}`
  const path = pathOf(world.live(share), ino)
  if (path === undefined) return `${label}, inode ${ino}`
  return `${label}${path === '/' ? '' : utf8(path)} (inode ${ino})`
}

/** Names are bytes, mostly UTF-8, one character each in memory. */
export const utf8 = (name: string): string => Buffer.from(name, 'latin1').toString('utf8')
