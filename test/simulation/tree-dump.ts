/** A tree as text, whole: equal for equal trees and for no others. */
import { fileKind, ROOT_INO } from '../../src/projections/inode.ts'
import type { TreeView } from '../../src/projections/tree-view.ts'

export function dumpTree(view: TreeView): readonly string[] {
  const lines: string[] = []
  const seen = new Set<number>()
  const visit = (path: string, ino: number): void => {
    const inode = view.inode(ino)
    lines.push(`${path} ${ino} ${JSON.stringify(inode)}`)
    if (inode === undefined || seen.has(ino)) return
    seen.add(ino)
    if (inode.kind === fileKind.directory) {
      for (const [cookie, { name, ino: child }] of view.list(ino, 0)) {
        lines.push(`${path}/${name} cookie ${cookie} ${JSON.stringify(view.entry(ino, name))}`)
        visit(`${path}/${name}`, child)
      }
    } else if (inode.kind === fileKind.regular && inode.size > 0) {
      for (const { offset, length, block, blockOffset } of view.extents(inode, 0, inode.size)) {
        const id = Buffer.from(block, 'latin1').toString('hex')
        lines.push(`${path} [${offset}, ${offset + length}) ${id} + ${blockOffset}`)
      }
    }
  }
  visit('', ROOT_INO)
  return lines
}
