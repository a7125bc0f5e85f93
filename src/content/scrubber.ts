import { headerSize, intact, readHeader } from './block.ts'
import type { BlockIndex } from './block-index.ts'
import type { Disk, DiskFile } from './disk.ts'
import { patient } from './patient-file.ts'
import { blocksOf, type FoundBlock, segmentName, segmentsOn } from './segment.ts'

interface Reading {
  readonly segment: number
  readonly file: DiskFile
  readonly blocks: Iterator<FoundBlock>
}

/** Places looked at between two looks at the budget, and what one costs of it. */
const PAGE = 64
const PLACE_COST = 4096

/**
 * Reads all content again, slowly and for ever, and reports blocks that are not what was written:
 * damage should be found while a second copy still exists, not when somebody needs the bytes. A
 * round goes through all segments, and then through all places where the index finds a block: what
 * has lost its header, or its segment, is not met on the way through segments.
 */
export class Scrubber {
  private readonly disk: Disk
  private readonly index: BlockIndex
  private readonly onDamage: (block: FoundBlock) => void
  private reading: Reading | undefined
  private last = -1
  /** The block whose place was looked at last; undefined while segments are read. */
  private place: string | undefined
  /** Segments in which not all blocks may have been met. */
  private readonly broken = new Set<number>()
  /** Bytes checked since it began, and rounds completed. */
  bytes = 0
  rounds = 0

  constructor(disk: Disk, index: BlockIndex, onDamage: (block: FoundBlock) => void) {
    this.disk = disk
    this.index = index
    this.onDamage = onDamage
  }

  /** Checks about `budget` bytes more. */
  step(budget: number): void {
    let left = budget
    while (left > 0) {
      if (this.place !== undefined) {
        left -= this.places(this.place)
        if (this.place === undefined) return
        continue
      }
      this.reading ??= this.next()
      if (this.reading === undefined) {
        this.place = ''
        continue
      }
      const { file, blocks } = this.reading
      const step = blocks.next()
      if (step.done === true) this.finish()
      else left -= this.check(file, step.value)
    }
  }

  private next(): Reading | undefined {
    const segments = segmentsOn(this.disk).sort((a, b) => a - b)
    const segment = segments.find((id) => id > this.last)
    if (segment === undefined) {
      this.last = -1
      return undefined
    }
    const file = patient(this.disk.open(segmentName(segment)))
    const onGap = () => this.broken.add(segment)
    const blocks = blocksOf(file, segment, undefined, false, onGap)
    return { segment, file, blocks: blocks[Symbol.iterator]() }
  }

  private finish(): void {
    this.last = this.reading?.segment ?? -1
    this.close()
  }

  private check(file: DiskFile, block: FoundBlock): number {
    const size = headerSize(block.length)
    const stored = Buffer.alloc(size + block.length)
    file.read(stored, block.offset)
    const header = readHeader(stored)
    const good = header?.id === block.id && intact(stored.subarray(size), header.checksums)
    // A block that is found elsewhere is not what anybody would read here.
    if (!good && this.isHere(block)) this.onDamage(block)
    this.bytes += stored.length
    return stored.length
  }

  private isHere({ id, segment, offset }: FoundBlock): boolean {
    const place = this.index.get(id)
    return place?.segment === segment && place.offset === offset
  }

  /** Goes through places behind that of a block. */
  private places(behind: string): number {
    const blocks = this.index.page(behind, PAGE)
    let cost = 0
    for (const block of blocks) cost += this.lookAt(block)
    this.place = blocks.at(-1)?.id
    if (this.place === undefined) {
      this.rounds += 1
      this.broken.clear()
    }
    return cost
  }

  private lookAt(block: FoundBlock): number {
    const { segment, offset, length, id } = block
    let file: DiskFile
    try {
      file = patient(this.disk.open(segmentName(segment)))
    } catch {
      if (this.isHere(block)) this.onDamage(block)
      return PLACE_COST
    }
    try {
      if (this.broken.has(segment)) return this.check(file, block)
      const header = Buffer.alloc(headerSize(length))
      file.read(header, offset)
      if (readHeader(header)?.id !== id && this.isHere(block)) this.onDamage(block)
      return PLACE_COST
    } finally {
      file.close()
    }
  }

  close(): void {
    this.reading?.file.close()
    this.reading = undefined
  }
}
