/**
 * Which block lies where. Made again from the segments when it is lost: it holds, per lane, up to
 * where their blocks are in it.
 */

import { fault } from '../platform/fault.ts'
import type { Store, StoreMap } from '../store/store.ts'
import { headerSize, type Location } from './block.ts'
import type { Disk, DiskFile } from './disk.ts'
import {
  blockAt,
  blocksOf,
  type FoundBlock,
  type Lane,
  lanes,
  SEGMENT_HEADER,
  segmentName,
  segmentsOn,
} from './segment.ts'

export interface Position {
  readonly segment: number
  readonly offset: number
}

const BLOCKS = 'blocks'
const META = 'meta'
const VALUE = 12

function keyOf(id: string, into: Buffer): Buffer {
  into.latin1Write(id, 0, 32)
  return into
}

/** In the length, which is far from reaching it. */
const DAMAGED = 0x8000_0000

function packed({ segment, offset, length, damaged = false }: Location): Buffer {
  const value = Buffer.alloc(VALUE)
  value.writeUInt32BE(segment, 0)
  value.writeUInt32BE(offset, 4)
  value.writeUInt32BE(damaged ? length + DAMAGED : length, 8)
  return value
}

function unpacked(value: Buffer): Location {
  const [segment, offset] = [value.readUInt32BE(0), value.readUInt32BE(4)]
  const length = value.readUInt32BE(8)
  if (length < DAMAGED) return { segment, offset, length }
  return { segment, offset, length: length - DAMAGED, damaged: true }
}

const END = Buffer.alloc(33, 0xff)

const laneKey = (lane: Lane): Buffer => Buffer.from(`lane ${lane}`)

/**
 * The blocks of a segment by whether their bytes are what was written: one that was never finished
 * must not stand for a later equal one. What is not whole at the end was never finished.
 */
function sorted(
  file: DiskFile,
  segment: number,
  from: number,
): { readonly whole: readonly FoundBlock[]; readonly damaged: readonly FoundBlock[] } {
  const whole: FoundBlock[] = []
  const damaged: FoundBlock[] = []
  let suspects: FoundBlock[] = []
  for (const block of blocksOf(file, segment, from)) {
    if (blockAt(file, segment, block.offset, true)?.id === block.id) {
      whole.push(block)
      damaged.push(...suspects)
      suspects = []
    } else suspects.push(block)
  }
  return { whole, damaged }
}

/**
 * What is found stands for later equal blocks, so it must not be lost with the power. A process
 * that was killed leaves bytes that the system has and no disk; and of bytes whose sync failed the
 * system believes that the disk has them. Syncing alone would pass over those: they are written
 * again.
 */
export function makeDurable(file: DiskFile, blocks: readonly FoundBlock[]): void {
  for (const { offset, length } of blocks) {
    const stored = Buffer.allocUnsafe(headerSize(length) + length)
    file.write([stored.subarray(0, file.read(stored, offset))], offset)
  }
  file.sync()
}

export class BlockIndex {
  private readonly store: Store
  private readonly blocks: StoreMap
  private readonly meta: StoreMap
  private readonly key = Buffer.alloc(32)

  constructor(store: Store) {
    this.store = store
    this.blocks = store.map(BLOCKS)
    this.meta = store.map(META)
  }

  get(id: string): Location | undefined {
    const value = this.blocks.get(keyOf(id, this.key))
    return value && unpacked(value)
  }

  position(lane: Lane): Position {
    const value = this.meta.get(laneKey(lane))
    if (value === undefined) return { segment: lane, offset: SEGMENT_HEADER }
    return { segment: value.readUInt32BE(0), offset: value.readUInt32BE(4) }
  }

  /** Adds blocks, forgets others, and moves lanes' positions: one transaction. */
  change(
    added: readonly FoundBlock[],
    removed: readonly string[],
    positions: ReadonlyMap<Lane, Position>,
  ): void {
    const key = Buffer.alloc(32)
    this.store.commit((writer) => {
      for (const id of removed) writer.remove(BLOCKS, keyOf(id, key))
      for (const block of added) writer.put(BLOCKS, keyOf(block.id, key), packed(block))
      for (const [lane, position] of positions) {
        writer.put(META, laneKey(lane), packed({ ...position, length: 0 }))
      }
    })
    this.store.refresh()
  }

  /** The next blocks behind one, in the order of their names. */
  page(behind: string, count: number): FoundBlock[] {
    const from = Buffer.concat([Buffer.from(behind, 'latin1'), Buffer.alloc(1)])
    const blocks: FoundBlock[] = []
    for (const { key, value } of this.blocks.range(from, END)) {
      blocks.push({ id: key.latin1Slice(0, 32), ...unpacked(value) })
      if (blocks.length === count) break
    }
    return blocks
  }

  /**
   * Takes in what segments hold behind the positions: after a crash, or all of it. Of all of it
   * also what is damaged, for whom it is told: who misses it shall be told where it is.
   */
  recover(
    disk: Disk,
    progress: (segment: number) => void = () => undefined,
    onDamaged: (block: FoundBlock) => void = () => undefined,
  ): number {
    let count = 0
    for (const lane of Object.values(lanes)) {
      const anew = this.meta.get(laneKey(lane)) === undefined
      const from = this.position(lane)
      for (const segment of segmentsOn(disk, lane)) {
        if (segment < from.segment) continue
        const offset = segment === from.segment ? from.offset : SEGMENT_HEADER
        const { whole, damaged } = this.recoverSegment(disk, lane, segment, offset, anew)
        count += whole
        for (const block of damaged) onDamaged(block)
        progress(segment)
      }
    }
    return count
  }

  private recoverSegment(
    disk: Disk,
    lane: Lane,
    segment: number,
    offset: number,
    anew: boolean,
  ): { readonly whole: number; readonly damaged: readonly FoundBlock[] } {
    const file = disk.open(segmentName(segment))
    try {
      const { whole, damaged } = sorted(file, segment, offset)
      const known = new Set(whole.map(({ id }) => id))
      const only = damaged.filter(({ id }) => !known.has(id) && this.get(id) === undefined)
      const taken = anew ? only.map((block) => ({ ...block, damaged: true })) : []
      makeDurable(file, whole)
      fault('recover.written')
      const end = { segment, offset: Math.max(offset, file.size()) }
      this.change([...taken, ...whole], [], new Map([[lane, end]]))
      fault('recover.indexed')
      return { whole: whole.length, damaged: taken }
    } finally {
      file.close()
    }
  }

  refresh(): void {
    this.store.refresh()
  }

  /** All blocks, for checks. */
  *all(): Iterable<FoundBlock> {
    for (const { key, value } of this.blocks.range(Buffer.alloc(32), END)) {
      yield { id: key.latin1Slice(0, 32), ...unpacked(value) }
    }
  }

  close(): Promise<void> {
    return this.store.close()
  }
}
