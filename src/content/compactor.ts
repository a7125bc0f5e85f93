/**
 * Gives disk space back: blocks that nothing refers to are dropped, those that share their segment
 * are moved, and the segment goes. Whatever it is interrupted at, blocks are found where the index
 * says; what is left behind is garbage that the next round finds.
 */

import { fault } from '../platform/fault.ts'
import { headerSize, intact, type Location, readHeader } from './block.ts'
import type { BlockIndex, Position } from './block-index.ts'
import type { BlockWriter } from './block-writer.ts'
import type { Bloom } from './bloom.ts'
import type { Disk, DiskFile } from './disk.ts'
import { patient } from './patient-file.ts'
import { blockAt, blocksOf, type FoundBlock, lanes, segmentName, segmentsOn } from './segment.ts'

export interface SegmentCensus {
  readonly segment: number
  /** Of the file. */
  readonly bytes: number
  /** Of blocks that the index finds here and that something may refer to. */
  readonly live: number
}

export interface Compaction {
  moved: number
  dropped: number
  /** Bytes of the files that went. */
  freed: number
  /** Blocks that something refers to and that are damaged: their segment stays. */
  damaged: FoundBlock[]
  readonly removed: number[]
}

const BATCH_BLOCKS = 64
/** Of the index, between two steps. */
const PAGE_BLOCKS = 1000

export interface CompactorOptions {
  readonly disk: Disk
  readonly index: BlockIndex
  readonly writer: BlockWriter
  /** Brings the index up to date, with all that waits for it: one transaction. */
  readonly change: (
    written: readonly FoundBlock[],
    removed: readonly string[],
    position: Position,
  ) => void
  /** Hears of blocks that something refers to and that are not what was written. */
  readonly onDamage: (block: FoundBlock) => void
  /** Lets other work go between two steps. */
  readonly pause: () => Promise<void>
}

export class Compactor {
  private readonly disk: Disk
  private readonly index: BlockIndex
  private readonly writer: BlockWriter
  private readonly options: CompactorOptions
  /** Segments of earlier writers. */
  private found: ReadonlySet<number> = new Set()

  constructor(options: CompactorOptions) {
    const { disk, index, writer } = options
    this.options = options
    this.disk = disk
    this.index = index
    this.writer = writer
  }

  private pause(): Promise<void> {
    return this.options.pause()
  }

  /** All that is on the disk now is complete: called before anybody writes. */
  begin(): void {
    this.found = new Set(segmentsOn(this.disk))
  }

  /** Segments that nobody writes any more and that the index knows completely. */
  private complete(): number[] {
    return Object.values(lanes).flatMap((lane) => {
      const { segment } = this.index.position(lane)
      return segmentsOn(this.disk, lane).filter((id) => id < segment || this.found.has(id))
    })
  }

  async census(live: Bloom): Promise<SegmentCensus[]> {
    const census: SegmentCensus[] = []
    for (const segment of this.complete()) {
      const file = patient(this.disk.open(segmentName(segment)))
      try {
        let bytes = 0
        let n = 0
        for (const block of blocksOf(file, segment)) {
          if (live.has(block.id) && this.isNeeded(block)) bytes += block.length
          n += 1
          if (n % 1000 === 0) await this.pause()
        }
        census.push({ segment, bytes: file.size(), live: bytes })
      } finally {
        file.close()
      }
      await this.pause()
    }
    return census
  }

  private isHere({ id, segment, offset }: FoundBlock): boolean {
    const place = this.index.get(id)
    return place?.segment === segment && place.offset === offset
  }

  /** Found here, or nowhere: the index may be damaged and hide what something refers to. */
  private isNeeded(block: FoundBlock): boolean {
    return this.isHere(block) || this.index.get(block.id) === undefined
  }

  /** Empties segments. Their files are still there: `remove` them when nobody reads them. */
  async empty(segments: readonly number[], live: Bloom): Promise<Compaction> {
    const done: Compaction = { moved: 0, dropped: 0, freed: 0, damaged: [], removed: [] }
    for (const segment of segments) {
      const file = patient(this.disk.open(segmentName(segment)))
      try {
        const damaged = done.damaged.length
        if (await this.emptyOne(file, segment, live, done)) {
          await this.dropUnmet(segment, live, done)
        }
        if (done.damaged.length === damaged) {
          done.removed.push(segment)
          done.freed += file.size()
        }
      } finally {
        file.close()
      }
    }
    for (const block of done.damaged) this.options.onDamage(block)
    return done
  }

  /**
   * Blocks that the index finds in a segment and that were not met there, since their headers are
   * damaged: they must not be looked for in it, nor stand for equal ones, when it is gone.
   */
  private async dropUnmet(segment: number, live: Bloom, done: Compaction): Promise<void> {
    const damaged = new Set(done.damaged.map(({ id }) => id))
    for (let behind: string | undefined = ''; behind !== undefined; ) {
      const page: readonly FoundBlock[] = this.index.page(behind, PAGE_BLOCKS)
      const unmet = page.filter((block) => block.segment === segment && !damaged.has(block.id))
      for (const block of unmet) if (live.has(block.id)) done.damaged.push(block)
      const dropping = unmet.filter(({ id }) => !live.has(id))
      if (dropping.length > 0) await this.moveOrDrop(undefined, dropping, live, done)
      behind = page.at(-1)?.id
      await this.pause()
    }
  }

  /** Whether it passed over something that is no block. */
  private async emptyOne(
    file: DiskFile,
    segment: number,
    live: Bloom,
    done: Compaction,
  ): Promise<boolean> {
    let batch: FoundBlock[] = []
    let gaps = 0
    const onGap = () => {
      gaps += 1
    }
    for (const block of blocksOf(file, segment, undefined, false, onGap)) {
      if (!this.isHere(block)) {
        if (!this.isHidden(block, live)) continue
        if (!isWhole(file, block)) {
          done.damaged.push(block)
          continue
        }
      }
      batch.push(block)
      if (batch.length < BATCH_BLOCKS) continue
      await this.moveOrDrop(file, batch, live, done)
      batch = []
      await this.pause()
    }
    await this.moveOrDrop(file, batch, live, done)
    return gaps > 0
  }

  /** Something may refer to it, and the index has it nowhere. */
  private isHidden({ id }: FoundBlock, live: Bloom): boolean {
    return live.has(id) && this.index.get(id) === undefined
  }

  /** `file`: of those that something refers to, if there are any. */
  private async moveOrDrop(
    file: DiskFile | undefined,
    batch: readonly FoundBlock[],
    live: Bloom,
    done: Compaction,
  ): Promise<void> {
    const moving: { id: string; bytes: Buffer }[] = []
    const dropping: FoundBlock[] = []
    for (const block of batch) {
      if (!live.has(block.id)) dropping.push(block)
      else {
        const bytes = file && readWhole(file, block)
        if (bytes === undefined) done.damaged.push(block)
        else moving.push({ id: block.id, bytes })
      }
    }
    await this.writer.storeLater(moving, (stored) => {
      const written = moving.map(({ id }, i) => ({ id, ...(stored.locations[i] as Location) }))
      // An equal block may have been stored meanwhile, which is what the index finds now.
      const dropped = dropping.filter((block) => this.isHere(block)).map(({ id }) => id)
      this.writer.forget(dropped)
      fault('compact.copied')
      this.options.change(written, dropped, stored.position)
      fault('compact.indexed')
    })
    done.moved += moving.length
    done.dropped += dropping.length
  }

  remove(segments: readonly number[]): void {
    for (const segment of segments) {
      this.disk.remove(segmentName(segment))
      fault('compact.removed')
    }
  }
}

/** What may as well be in the content of a file that looks like a block is checked by its name. */
function isWhole(file: DiskFile, { id, segment, offset }: FoundBlock): boolean {
  return blockAt(file, segment, offset, true)?.id === id
}

/** A block's bytes, checked; undefined when they are damaged. */
function readWhole(file: DiskFile, { id, offset, length }: FoundBlock): Buffer | undefined {
  const size = headerSize(length)
  const stored = Buffer.alloc(size + length)
  if (file.read(stored, offset) !== stored.length) return undefined
  const header = readHeader(stored)
  const bytes = stored.subarray(size)
  return header?.id === id && intact(bytes, header.checksums) ? bytes : undefined
}
