import { fileKind, ROOT_INO } from '../../projections/inode.ts'
import type { TreeView } from '../../projections/tree-view.ts'
import { childrenOf } from './children.ts'
import type { Pause } from './pause.ts'

export interface Counted {
  readonly inodes: number
  /** Bytes in extents that are not holes. */
  readonly bytes: number
}

/** What a tree holds, hard links once. `pause` lets other work go, every few hundred entries. */
export async function count(view: TreeView, pause: Pause): Promise<Counted> {
  let [inodes, bytes, seen] = [1, 0, 0]
  const linked = new Set<number>()
  const directories = [ROOT_INO]
  for (let dir = directories.pop(); dir !== undefined; dir = directories.pop()) {
    for (const { ino } of childrenOf(view, dir)) {
      seen += 1
      if (seen % PAUSE_EACH === 0) await pause()
      const inode = view.inode(ino)
      if (inode === undefined) continue
      if (inode.kind === fileKind.directory) directories.push(ino)
      else if (inode.nlink > 1) {
        if (linked.has(ino)) continue
        linked.add(ino)
      }
      inodes += 1
      if (inode.kind === fileKind.regular) bytes += inode.used
    }
  }
  return { inodes, bytes }
}

const PAUSE_EACH = 200
