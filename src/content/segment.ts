/**
 * Segments: files that blocks are appended to. Each lane (a thread that writes) has segments of its
 * own, so that no two writers meet. A segment's number is its order in its lane.
 */
import { giveWay } from '../platform/give-way.ts'
import { KiB } from '../platform/limits.ts'
import { SEGMENT_BYTES } from '../platform/segment-bytes.ts'
import {
  BLOCK_MAGIC,
  blockId,
  claimedLength,
  FIXED_HEADER,
  framed,
  headerSize,
  type Location,
  readHeader,
  storedSize,
} from './block.ts'
import type { Disk, DiskFile } from './disk.ts'

/** Small blocks whose frame waits for them; and everything else. */
export const lanes = { log: 0, bulk: 1 } as const
export type Lane = (typeof lanes)[keyof typeof lanes]

const LANES = 2
const MAGIC = Buffer.from('DFSG\x01\0\0\0', 'latin1')
/** What is written at a time where the thread waits for it, and so may give way in between. */
const WRITE_BYTES = 512 * KiB
/** Blocks begin behind the segment's own header. */
export const SEGMENT_HEADER = 64

export const segmentId = (lane: Lane, number: number): number => number * LANES + lane
export const laneOf = (segment: number): Lane => (segment % LANES) as Lane
export const numberOf = (segment: number): number => Math.floor(segment / LANES)

export function segmentName(segment: number): string {
  return `${laneOf(segment)}-${String(numberOf(segment)).padStart(10, '0')}.seg`
}

export function segmentOfName(name: string): number | undefined {
  const match = /^([01])-(\d{10})\.seg$/.exec(name)
  return match ? segmentId(Number(match[1]) as Lane, Number(match[2])) : undefined
}

export function segmentsOn(disk: Disk, lane?: Lane): number[] {
  return disk
    .list()
    .map(segmentOfName)
    .filter((id): id is number => id !== undefined && (lane === undefined || laneOf(id) === lane))
    .sort((a, b) => numberOf(a) - numberOf(b) || a - b)
}

export function segmentHeader(segment: number): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER)
  MAGIC.copy(header)
  header.writeUInt32LE(segment, 8)
  return header
}

export interface FoundBlock extends Location {
  readonly id: string
}

/** How far a scan looks at a time for the next block behind damage. */
const RESYNC = 64 * KiB

/** Bytes that are no block, between blocks or behind the last one. */
export type OnGap = (from: number, to: number) => void

/**
 * The whole blocks of a segment from `offset` on. `check` reads their bytes too; without it only
 * the headers are. What is damaged or was never finished is passed over, and `onGap` told of it:
 * blocks begin on multiples of 8. What looks like a block behind a gap may be the content of a
 * file: from there on bytes are checked in any case.
 */
export function* blocksOf(
  file: DiskFile,
  segment: number,
  offset = SEGMENT_HEADER,
  check = false,
  onGap: OnGap = () => undefined,
): Iterable<FoundBlock> {
  let at: number | undefined = offset
  let end = offset
  let lost = false
  while (at !== undefined) {
    const found = blockAt(file, segment, at, check || lost)
    if (found === undefined) {
      lost = true
      at = nextHeader(file, at + 8)
    } else {
      if (at > end) onGap(end, at)
      yield found
      at += storedSize(found.length)
      end = at
    }
  }
  const size = file.size()
  if (size > end) onGap(end, size)
}

export function blockAt(
  file: DiskFile,
  segment: number,
  at: number,
  check: boolean,
): FoundBlock | undefined {
  const fixed = Buffer.alloc(FIXED_HEADER)
  if (file.read(fixed, at) < FIXED_HEADER) return undefined
  const length = claimedLength(fixed)
  if (length === undefined) return undefined
  const stored = Buffer.alloc(headerSize(length) + (check ? length : 0))
  if (file.read(stored, at) < stored.length) return undefined
  const header = readHeader(stored)
  if (header === undefined) return undefined
  // Not by checksums: behind damage this may be the content of a file, written to look like a block
  // of other content.
  if (check && blockId(stored.subarray(headerSize(length))) !== header.id) return undefined
  return { id: header.id, segment, offset: at, length }
}

/** The next place from `from` on that looks like a block's beginning; undefined at the end. */
function nextHeader(file: DiskFile, from: number): number | undefined {
  const chunk = Buffer.alloc(RESYNC)
  for (let base = from; ; base += RESYNC) {
    const n = file.read(chunk, base)
    for (let i = 0; i + 8 <= n; i += 8) {
      if (chunk.readUInt32LE(i) === BLOCK_MAGIC) return base + i
    }
    if (n < RESYNC) return undefined
  }
}

/** A block to be appended. `stored`: what is to be written for it (see `framed`), if known. */
interface Appended {
  readonly id: string
  readonly bytes: Buffer
  readonly stored?: readonly Buffer[]
  /** See `framed`. */
  readonly checksum?: number | undefined
}

export interface SegmentWriterOptions {
  readonly disk: Disk
  readonly lane: Lane
  /** Size at which the next segment begins. */
  readonly segmentBytes?: number
}

/**
 * Appends blocks to the segments of one lane. Each writer begins a segment of its own: behind the
 * last one of its predecessor may lie what was never finished.
 */
export class SegmentWriter {
  private readonly options: SegmentWriterOptions
  private file: DiskFile | undefined
  private segment: number
  private end = SEGMENT_HEADER
  /** Where what is being written begins. */
  private start = SEGMENT_HEADER
  private unsynced = false
  /** The sync that is under way, and the one that begins when it has ended. */
  private syncing: Promise<void> | undefined
  private next: Promise<void> | undefined
  private writing: Promise<void> | undefined
  /** Files of which a sync has failed: the system tells that once, whoever else waits for one. */
  private readonly failed = new WeakMap<DiskFile, unknown>()

  /** `first`: the least number that it may begin with, whatever is there. */
  constructor(options: SegmentWriterOptions, first = 0) {
    this.options = options
    const { disk, lane } = options
    const last = segmentsOn(disk, lane).at(-1)
    const next = last === undefined ? 0 : numberOf(last) + 1
    this.segment = segmentId(lane, Math.max(first, next))
  }

  /** Where the next block will lie. */
  get position(): { readonly segment: number; readonly offset: number } {
    return { segment: this.segment, offset: this.end }
  }

  private open(): DiskFile {
    if (this.file !== undefined) return this.file
    const buffers = [segmentHeader(this.segment)]
    try {
      const file = this.options.disk.create(segmentName(this.segment))
      file.write(buffers, 0)
      this.file = file
    } catch (error) {
      // Its name may be taken by now, with nothing behind it.
      this.beginNext()
      throw error
    }
    return this.file
  }

  /** Not durable before `sync`. Blocks go in order, in as few writes as they need. */
  append(blocks: readonly Appended[]): Location[] {
    const locations: Location[] = []
    try {
      for (const { buffers, at } of this.writes(blocks, locations, WRITE_BYTES)) {
        this.write(buffers, at)
        giveWay()
      }
    } catch (error) {
      this.takeBack()
      throw error
    }
    return locations
  }

  /** The same without holding up the thread. Nothing else may be appended until it has ended. */
  async appendLater(blocks: readonly Appended[]): Promise<Location[]> {
    const locations: Location[] = []
    try {
      for (const { buffers, at } of this.writes(blocks, locations)) {
        await this.writeLater(buffers, at)
      }
    } catch (error) {
      this.takeBack()
      throw error
    }
    return locations
  }

  /**
   * What is to be written one after the other, so that each block lies at its location. Of `most`
   * bytes at a time, and at least a block.
   */
  private *writes(
    blocks: readonly Appended[],
    locations: Location[],
    most = Number.POSITIVE_INFINITY,
  ): Iterable<{ readonly buffers: readonly Buffer[]; readonly at: number }> {
    let buffers: Buffer[] = []
    // What a file has whose sync has failed nobody can tell.
    if (this.file !== undefined && this.failed.has(this.file)) {
      this.leave()
      this.beginNext()
    }
    this.start = this.end
    let at = this.end
    for (const { id, bytes, stored, checksum } of blocks) {
      const size = storedSize(bytes.length)
      if (this.full(size)) {
        yield { buffers, at }
        this.roll()
        buffers = []
        this.start = this.end
        at = this.end
      }
      locations.push({ segment: this.segment, offset: this.end, length: bytes.length })
      buffers.push(...(stored ?? framed(id, bytes, checksum)))
      this.end += size
      giveWay()
      if (this.end - at < most) continue
      yield { buffers, at }
      buffers = []
      at = this.end
    }
    yield { buffers, at }
  }

  /** Half of what a full disk did not take must not fill it more at each try. */
  private takeBack(): void {
    this.end = this.start
    this.file?.truncate(this.start)
  }

  private full(size: number): boolean {
    return (
      this.end > SEGMENT_HEADER && this.end + size > (this.options.segmentBytes ?? SEGMENT_BYTES)
    )
  }

  private write(buffers: readonly Buffer[], at: number): void {
    if (buffers.length === 0) return
    const file = this.open()
    file.write(buffers, at)
    this.unsynced = true
  }

  private async writeLater(buffers: readonly Buffer[], at: number): Promise<void> {
    if (buffers.length === 0) return
    this.writing = this.open().writeLater(buffers, at)
    try {
      await this.writing
    } finally {
      this.writing = undefined
    }
    // Only now: a sync that began before it has ended says nothing about it.
    this.unsynced = true
  }

  private roll(): void {
    this.close()
    this.beginNext()
  }

  private beginNext(): void {
    this.segment = segmentId(this.options.lane, numberOf(this.segment) + 1)
    this.end = SEGMENT_HEADER
  }

  sync(): void {
    const { file } = this
    if (!this.unsynced || file === undefined) return
    try {
      file.sync()
    } catch (error) {
      this.failed.set(file, error)
      throw error
    }
    this.unsynced = false
  }

  /**
   * Resolves when all that was appended before the call is durable. One sync at a time, for
   * everybody who waits for the next one; in the order of the calls.
   */
  async syncLater(): Promise<void> {
    const { file } = this
    await this.nextSync()
    if (file !== undefined && this.failed.has(file)) throw this.failed.get(file)
  }

  private nextSync(): Promise<void> {
    const { syncing } = this
    if (!this.unsynced) return syncing ?? Promise.resolve()
    if (syncing === undefined) return this.startSync()
    // One that has failed takes those along that wait behind it.
    this.next ??= syncing.then(() => this.startSync())
    return this.next
  }

  private startSync(): Promise<void> {
    this.next = undefined
    const { file } = this
    // A new segment was begun meanwhile, which has synced the old one.
    if (!this.unsynced || file === undefined) return Promise.resolve()
    this.unsynced = false
    const ended = () => {
      if (this.syncing === syncing) this.syncing = undefined
    }
    const syncing: Promise<void> = file.syncLater().then(ended, (error) => {
      ended()
      this.next = undefined
      this.failed.set(file, error)
      throw error
    })
    this.syncing = syncing
    return syncing
  }

  close(): void {
    this.sync()
    this.leave()
  }

  private leave(): void {
    const { file, syncing, writing } = this
    if (file === undefined) return
    this.file = undefined
    this.unsynced = false
    // Not under a sync or a write: its descriptor might be another file's by then.
    const close = () => file.close()
    if (syncing === undefined && writing === undefined) close()
    else void Promise.allSettled([syncing, writing]).then(close)
  }
}
