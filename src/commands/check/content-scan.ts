/**
 * All content that lies in segments, read once: what is whole goes into an index of its own, so
 * that the answer to "is this block there?" takes memory from the disk and not from us.
 */
import { blockId, headerSize, intact, readHeader, storedSize } from '../../content/block.ts'
import type { BlockIndex, Position } from '../../content/block-index.ts'
import type { Disk, DiskFile } from '../../content/disk.ts'
import { patient } from '../../content/patient-file.ts'
import {
  blocksOf,
  type FoundBlock,
  type Lane,
  laneOf,
  SEGMENT_HEADER,
  segmentHeader,
  segmentName,
  segmentsOn,
} from '../../content/segment.ts'
import { Limited, type OnFinding, type Progress } from './finding.ts'

export interface ContentScan {
  readonly segments: number
  readonly blocks: number
  readonly bytes: number
  /** What was found damaged, by block id, and where: as much of it as there is room for. */
  readonly damaged: Map<string, string>
  /** Segments whose own header is damaged, which says nothing that their name does not. */
  readonly headers: readonly number[]
}

export interface ContentScanOptions {
  readonly disk: Disk
  /** Empty: takes what is whole, with the lanes' positions. */
  readonly sound: BlockIndex
  readonly onFinding: OnFinding
  readonly progress: Progress
}

const BATCH = 5000
export const DAMAGED_MAX = 100_000

export class ContentScanner {
  private readonly options: ContentScanOptions
  private batch: FoundBlock[] = []
  private readonly damaged = new Map<string, string>()
  private readonly headers: number[] = []
  private blocks = 0
  private bytes = 0

  constructor(options: ContentScanOptions) {
    this.options = options
  }

  run(): ContentScan {
    const { disk } = this.options
    const segments = segmentsOn(disk)
    const positions = new Map<Lane, Position>()
    for (const segment of segments) {
      const size = this.segment(segment)
      const lane = laneOf(segment)
      if (segment >= (positions.get(lane)?.segment ?? 0)) {
        positions.set(lane, { segment, offset: Math.max(SEGMENT_HEADER, size) })
      }
    }
    this.take(positions)
    const { blocks, bytes, damaged, headers } = this
    return { segments: segments.length, blocks, bytes, damaged, headers }
  }

  private segment(segment: number): number {
    const name = segmentName(segment)
    let raw: DiskFile
    try {
      raw = this.options.disk.open(name)
    } catch (error) {
      const what = `it cannot be opened: ${(error as Error).message}`
      this.options.onFinding({ area: 'content', where: name, what })
      return 0
    }
    const unreadable = new Limited(this.options.onFinding, 20)
    const file = patient(raw, (at, why) =>
      unreadable.add({ area: 'content', where: `${name}, byte ${at}`, what: why }),
    )
    try {
      const header = Buffer.alloc(SEGMENT_HEADER)
      const n = file.read(header, 0)
      if (n > 0 && !header.equals(segmentHeader(segment)) && header.some((byte) => byte !== 0)) {
        const what = 'its own header is not what was written'
        const means = 'Nothing: its blocks are found without.'
        this.options.onFinding({ area: 'content', where: name, what, means, heals: true })
        this.headers.push(segment)
      }
      for (const block of blocksOf(file, segment)) this.block(file, name, block)
      return file.size()
    } finally {
      unreadable.end(name)
      raw.close()
    }
  }

  private block(file: DiskFile, name: string, block: FoundBlock): void {
    this.blocks += 1
    this.bytes += storedSize(block.length)
    if (this.blocks % PROGRESS_BLOCKS === 0) {
      this.options.progress('MiB of content', Math.floor(this.bytes / 2 ** 20))
    }
    const why = damageOf(file, block)
    if (why === undefined) {
      this.batch.push(block)
      if (this.batch.length >= BATCH) this.take()
      return
    }
    if (this.damaged.size < DAMAGED_MAX) {
      this.damaged.set(block.id, `${name}, byte ${block.offset}: ${why}`)
    }
  }

  private take(positions: ReadonlyMap<Lane, Position> = new Map()): void {
    this.options.sound.change(this.batch, [], positions)
    for (const { id } of this.batch) this.damaged.delete(id)
    this.batch = []
  }
}

const PROGRESS_BLOCKS = 256

/** What is wrong with a block where it lies; undefined: it is whole. */
export function damageOf(file: DiskFile, { id, offset, length }: FoundBlock): string | undefined {
  const size = headerSize(length)
  const stored = Buffer.allocUnsafeSlow(size + length)
  if (file.read(stored, offset) < stored.length) return 'the segment ends within it'
  const header = readHeader(stored)
  const bytes = stored.subarray(size)
  if (header === undefined || !intact(bytes, header.checksums)) return 'a checksum does not match'
  return blockId(bytes) === id ? undefined : 'its SHA-256 does not match'
}
