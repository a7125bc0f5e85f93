/**
 * Whether the extents of every file cover its bytes, each once, and its sums are theirs. What no
 * file has any more must lie in a grave, until retention ends.
 */
import { type Extent, isHole } from '../../journal/fields.ts'
import { BLOCK_MAX } from '../../platform/limits.ts'
import { countExtent } from '../../projections/extent-map.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import { inoOf, nodeId, shareOf } from '../../projections/node-id.ts'
import type { ExtentRow } from '../../projections/rows.ts'
import type { Store } from '../../store/store.ts'
import { type Finding, noProgress, type Progress } from './finding.ts'
import type { StoredRow } from './stored-rows.ts'
import { StoredTree } from './stored-tree.ts'

const PROGRESS_ROWS = 10_000

export const extentOfRow = ({ key, value }: StoredRow<ExtentRow>): Extent => ({
  offset: key.readUInt32BE(8) * 2 ** 32 + key.readUInt32BE(12),
  ...value,
})

export class ExtentCheck {
  private readonly tree: StoredTree
  private readonly progress: Progress

  constructor(store: Store, progress: Progress = noProgress) {
    this.tree = new StoredTree(store)
    this.progress = progress
  }

  *findings(): Iterable<Finding> {
    const { tree } = this
    let owned = 0
    let done = 0
    for (const { group: id, value: inode } of tree.inodes.all()) {
      if (inode.kind !== fileKind.regular || tree.isDeleted(shareOf(id))) continue
      yield* this.file(id, inode)
      if (inode.size > 0) owned += 1
      done += 1
      if (done % PROGRESS_ROWS === 0) this.progress('files', done)
    }
    yield* this.ownerless(owned)
  }

  private *file(id: number, inode: Inode): Iterable<Finding> {
    const { tree } = this
    const found = (what: string): Finding => ({
      area: 'projections',
      where: tree.nameOf(id),
      what,
    })
    const sums = { used: 0, a: 0, b: 0 }
    let next = 0
    const content = nodeId(shareOf(id), inode.content)
    if (inode.size > 0 && tree.graves.byId(content) !== undefined) {
      yield found('its content is marked as nobody’s')
    }
    for (const row of tree.extents.ofGroup(content)) {
      const extent = extentOfRow(row)
      if (extent.offset > next) {
        yield found(`no extent covers bytes ${next} to ${extent.offset - 1}`)
      } else if (extent.offset < next) {
        yield found(`two extents cover byte ${extent.offset}`)
      }
      const bad = shapeOf(extent)
      if (bad !== undefined) yield found(`the extent at ${extent.offset} ${bad}`)
      countExtent(sums, extent, 1)
      next = extent.offset + extent.length
    }
    if (next !== inode.size)
      yield found(`its extents end at ${next}, and its size is ${inode.size}`)
    if (sums.used !== inode.used) {
      yield found(`it has ${sums.used} bytes of data, and counts ${inode.used}`)
    }
    if (sums.a !== inode.contentA || sums.b !== inode.contentB) {
      yield found('its extents are not those that its digest was made of')
    }
  }

  /** Extent maps that are neither a file's nor a grave's. */
  private *ownerless(owned: number): Iterable<Finding> {
    const { tree } = this
    let groups = 0
    let last = -1
    for (const { group } of tree.extents.all()) {
      if (group === last || tree.isDeleted(shareOf(group))) continue
      last = group
      if (tree.graves.byId(group) === undefined) groups += 1
    }
    if (groups === owned) return
    const what = `${groups} contents have extents and no grave, and ${owned} files have content`
    yield { area: 'projections', where: 'extents', what }
  }
}

/** What is wrong about an extent as such. */
function shapeOf(extent: Extent): string | undefined {
  const { offset, length, blockOffset } = extent
  if (length < 1) return 'is empty'
  if (isHole(extent)) {
    const aligned = Number.isInteger(Math.log2(length)) && offset % length === 0
    return aligned ? undefined : `is a hole of ${length} bytes that is not aligned to its size`
  }
  const within = (n: number) => Math.floor(n / BLOCK_MAX)
  if (within(offset) !== within(offset + length - 1)) return 'crosses the limit of a block'
  return blockOffset + length > BLOCK_MAX ? 'is longer than a block' : undefined
}

/** For messages about content that is only known by its number. */
export const contentName = (id: number): string => `share ${shareOf(id)}, content ${inoOf(id)}`
