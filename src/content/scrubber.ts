import { headerSize, intact, readHeader } from './block.ts'
import type { BlockIndex } from './block-index.ts'
import type { Disk, DiskFile } from './disk.ts'
import { blocksOf, type FoundBlock, segmentName, segmentsOn } from './segment.ts'

interface Reading {
  readonly segment: number
  readonly file: DiskFile
  readonly blocks: Iterator<FoundBlock>
}

/**
 * Reads all content again, slowly and for ever, and reports blocks that are not what was written:
 * damage should be found while a second copy still exists, not when somebody needs the bytes.
 */
export class Scrubber {
  private readonly disk: Disk
  private readonly index: BlockIndex
  private readonly onDamage: (block: FoundBlock) => void
  private reading: Reading | undefined
  private last = -1
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
      this.reading ??= this.next()
      if (this.reading === undefined) return
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
      if (segments.length > 0) this.rounds += 1
      this.last = -1
      return undefined
    }
    const file = this.disk.open(segmentName(segment))
    return { segment, file, blocks: blocksOf(file, segment)[Symbol.iterator]() }
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
    const good = header !== undefined && intact(stored.subarray(size), header.checksums)
    const place = this.index.get(block.id)
    // A block that is found elsewhere is not what anybody would read here.
    if (!good && place?.segment === block.segment && place.offset === block.offset) {
      this.onDamage(block)
    }
    this.bytes += stored.length
    return stored.length
  }

  close(): void {
    this.reading?.file.close()
    this.reading = undefined
  }
}
