/**
 * Whether the extents of every file cover its bytes, each once, and its sums are theirs. What no
 * file has any more must lie in a grave, until retention ends.
 */
import { type Extent, isHole } from '../../journal/fields.ts'
import { BLOCK_MAX, MiB } from '../../platform/limits.ts'
import { countExtent } from '../../projections/extent-sums.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import { nodeId, shareOf } from '../../projections/node-id.ts'
import { type ExtentRow, tableSpecs } from '../../projections/rows.ts'
import type { World } from '../../projections/world.ts'
import { type Finding, noProgress, type Progress } from './finding.ts'
import { nodeName } from './node-name.ts'
import { numberOfKey, type StoredRow, storedGroup, storedRows } from './stored-rows.ts'

const specs = tableSpecs(0)
const PROGRESS_ROWS = 10_000
/** What is looked up at a time of content that is still another share's. */
const STEP = 256 * MiB

export const extentOfRow = ({ key, value }: StoredRow<ExtentRow>): Extent => ({
  offset: numberOfKey(key),
  ...value,
})

export class ExtentCheck {
  private readonly world: World
  private readonly progress: Progress

  constructor(world: World, progress: Progress = noProgress) {
    this.world = world
    this.progress = progress
  }

  *findings(): Iterable<Finding> {
    const { world } = this
    let owned = 0
    let done = 0
    for (const { group: id, value: inode } of storedRows(world.store, specs.inodes)) {
      if (inode.kind !== fileKind.regular || this.isDeleted(shareOf(id))) continue
      yield* this.file(id, inode)
      if (inode.size > 0 && inode.contentShare === 0) owned += 1
      done += 1
      if (done % PROGRESS_ROWS === 0) this.progress('files', done)
    }
    yield* this.ownerless(owned)
  }

  private isDeleted(share: number): boolean {
    return (this.world.control.shares.get(share)?.deleted ?? 0) !== 0
  }

  private *extents(id: number, inode: Inode): Iterable<Extent> {
    const { world } = this
    if (inode.contentShare === 0) {
      const content = nodeId(shareOf(id), inode.content)
      for (const row of storedGroup(world.store, specs.extents, content)) yield extentOfRow(row)
      return
    }
    for (let from = 0; from < inode.size; from += STEP) {
      const to = Math.min(inode.size, from + STEP)
      for (const extent of world.live(shareOf(id)).extents(inode, from, to)) {
        // One that reaches over the limit of a step came with the step before.
        if (extent.offset >= from) yield extent
      }
    }
  }

  private *file(id: number, inode: Inode): Iterable<Finding> {
    const { world } = this
    const found = (what: string): Finding => {
      return { area: 'projections', where: nodeName(world, id), what }
    }
    const sums = { used: 0, a: 0, b: 0 }
    let next = 0
    if (inode.size > 0 && inode.contentShare === 0) {
      const grave = world.graves.get(nodeId(shareOf(id), inode.content), 0)
      if (grave !== undefined) yield found('its content is marked as nobody’s')
    }
    const remains =
      inode.contentShare === 0 ? world.cutOff.get(nodeId(shareOf(id), inode.content)) : undefined
    if (remains !== undefined && remains.from < inode.size) {
      yield found(`what was cut off it begins at ${remains.from}, and its size is ${inode.size}`)
    }
    for (const extent of this.extents(id, inode)) {
      const { offset } = extent
      if (remains !== undefined && offset >= remains.from && offset < remains.end) continue
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
    if (sums.a >>> 0 !== inode.contentA || sums.b >>> 0 !== inode.contentB) {
      yield found('its extents are not those that its digest was made of')
    }
  }

  /** Extent maps that are neither a file's nor a grave's. */
  private *ownerless(owned: number): Iterable<Finding> {
    const { world } = this
    for (const id of world.cutOff.all()) {
      if (world.graves.get(id, 0) === undefined || this.isDeleted(shareOf(id))) continue
      const what = 'something was cut off a content that is nobody’s'
      yield { area: 'projections', where: nodeName(world, id), what }
    }
    let groups = 0
    let last = -1
    for (const { group } of storedRows(world.store, specs.extents)) {
      if (group === last || this.isDeleted(shareOf(group))) continue
      last = group
      if (world.graves.get(group, 0) === undefined) groups += 1
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
