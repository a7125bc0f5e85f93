/**
 * Blocks as the live server sees them: in memory, on their way to the disk, or in a segment.
 * Reading what is in memory is synchronous; the rest comes later, checked on its way in.
 */
import { CHECKED, headerSize, intact, type Location, readHeader } from './block.ts'
import { BlockCache } from './block-cache.ts'
import type { BlockIndex, Position } from './block-index.ts'
import type { CachedBlock } from './cached-block.ts'
import { DamageError, MissingError } from './damage.ts'
import type { Disk, DiskFile } from './disk.ts'
import { PLACE_WORDS, type PlacedBlocks } from './noted-blocks.ts'
import { RecentPlaces } from './recent-places.ts'
import { type Lane, laneOf, lanes, segmentName } from './segment.ts'
import { SegmentFiles } from './segment-files.ts'

/** Small enough to keep when it was just written: files are often read soon after. */
const KEEP_WRITTEN = 64 * 1024

export interface BlockStoreOptions {
  readonly disk: Disk
  readonly index: BlockIndex
  readonly memory: number
  /** Hears of each block that is not what was written, or not there, before whoever reads it. */
  readonly onDamage: (error: DamageError) => void
  /** Looks for a block that the index does not have in all segments, and tells the index. */
  readonly search: (id: string) => Promise<boolean>
}

export class BlockStore {
  private readonly index: BlockIndex
  private readonly cache: BlockCache
  /** Where blocks are that the index may not have yet. */
  private readonly recent: { readonly [lane in Lane]: RecentPlaces } = {
    [lanes.log]: new RecentPlaces(),
    [lanes.bulk]: new RecentPlaces(),
  }
  private readonly files: SegmentFiles
  private readonly loads = new Map<string, Promise<Buffer>>()
  private readonly options: BlockStoreOptions

  constructor(options: BlockStoreOptions) {
    this.options = options
    this.files = new SegmentFiles(options.disk)
    this.index = options.index
    this.cache = new BlockCache(options.memory)
  }

  get cachedBytes(): number {
    return this.cache.bytes
  }

  /**
   * Keeps a block that no disk has yet, and returns the copy that it keeps. `landed` must follow.
   */
  pin(id: string, bytes: Buffer): Buffer {
    return this.cache.pin(id, bytes)
  }

  unpin(id: string): void {
    this.cache.unpin(id)
  }

  /** Remembers where blocks lie until the index has them. */
  landed({ ids, places }: PlacedBlocks): void {
    for (let i = 0; i < ids.length; i++) {
      const at = PLACE_WORDS * i
      const segment = places[at] as number
      const lane = this.recent[laneOf(segment)]
      lane.add(ids[i] as string, segment, places[at + 1] as number, places[at + 2] as number)
    }
  }

  /** Keeps the bytes of a block that is on the disk already, if it is small. */
  keep(id: string, bytes: Buffer): void {
    if (bytes.length <= KEEP_WRITTEN) this.cache.keep(id, bytes)
  }

  /** The index holds what lies before `position` in its lane. */
  indexed(position: Position): void {
    this.recent[laneOf(position.segment)].indexed(position)
    this.index.refresh()
  }

  /** Whether it is in a segment, as far as the index says, or on its way there. */
  has(id: string): boolean {
    return this.cache.isPinned(id) || this.locate(id) !== undefined
  }

  locate(id: string): Location | undefined {
    const { recent } = this
    return recent[lanes.log].get(id) ?? recent[lanes.bulk].get(id) ?? this.index.get(id)
  }

  /**
   * Bytes [offset, offset + length) of a block: at once when memory has them in one piece. The
   * buffer is shared: it must not be written to. Rejects with DamageError; with MissingError, of
   * which nobody else hears, when the index does not have the block: see `search`.
   */
  read(id: string, offset: number, length: number): Buffer | Promise<Buffer> {
    return this.cache.piece(id, offset, length) ?? this.load(id, offset, length)
  }

  private async load(id: string, offset: number, length: number): Promise<Buffer> {
    const first = Math.floor(offset / CHECKED)
    const last = Math.floor((offset + length - 1) / CHECKED)
    const key = `${id}${first}-${last}`
    let loading = this.loads.get(key)
    if (loading === undefined) {
      loading = this.fetch(id, first, last).finally(() => this.loads.delete(key))
      this.loads.set(key, loading)
    }
    const bytes = await loading
    const start = offset - first * CHECKED
    return bytes.subarray(start, start + length)
  }

  /** Granules `first` to `last` of a block, checked, and kept. */
  private async fetch(id: string, first: number, last: number): Promise<Buffer> {
    let place = this.locate(id)
    for (;;) {
      try {
        if (place === undefined) throw new MissingError(id)
        return await this.fetchFrom(place, id, first, last)
      } catch (error) {
        // Its segment may have been emptied and removed since: then the index knows better.
        this.index.refresh()
        const again = this.locate(id)
        const moved =
          again !== undefined &&
          (again.segment !== place?.segment || again.offset !== place?.offset)
        if (!moved) {
          if (error instanceof MissingError) throw error
          throw this.reported(damageOf(error as Error, id, place))
        }
        place = again
      }
    }
  }

  private reported(damage: DamageError): DamageError {
    this.options.onDamage(damage)
    return damage
  }

  /** Looks everywhere for a block that something still refers to. Rejects with DamageError. */
  async search(id: string): Promise<void> {
    let found = false
    try {
      found = await this.options.search(id)
    } catch (error) {
      throw this.reported(new DamageError(id, `cannot be looked for: ${String(error)}`))
    }
    this.index.refresh()
    if (!found) throw this.reported(new MissingError(id))
  }

  private async fetchFrom(
    place: Location,
    id: string,
    first: number,
    last: number,
  ): Promise<Buffer> {
    const block = this.cache.admit(id, place.length)
    const whole = first === 0 && (last + 1) * CHECKED >= place.length
    // What is evicted meanwhile would count as kept and never be found again.
    block.pins += 1
    try {
      return await this.files.use(place.segment, (file) =>
        whole
          ? this.fetchWhole(file, place, block)
          : this.fetchGranules(file, place, block, first, last),
      )
    } finally {
      this.cache.release(block)
    }
  }

  private async fetchWhole(file: DiskFile, place: Location, block: CachedBlock): Promise<Buffer> {
    const size = headerSize(place.length)
    const stored = Buffer.allocUnsafeSlow(size + place.length)
    const n = await file.readLater(stored, place.offset)
    const header = readHeader(stored.subarray(0, size))
    const bytes = stored.subarray(size)
    const good = n === stored.length && header?.id === block.id && intact(bytes, header.checksums)
    if (!good) throw this.damaged(block.id, place)
    this.cache.keepWhole(block, bytes)
    return bytes
  }

  private async fetchGranules(
    file: DiskFile,
    place: Location,
    block: CachedBlock,
    first: number,
    last: number,
  ): Promise<Buffer> {
    const size = headerSize(place.length)
    if (block.checksums === undefined) {
      const stored = Buffer.allocUnsafe(size)
      await file.readLater(stored, place.offset)
      const header = readHeader(stored)
      if (header?.id !== block.id) throw this.damaged(block.id, place)
      block.checksums = header.checksums
    }
    const start = first * CHECKED
    const bytes = Buffer.allocUnsafeSlow(Math.min(place.length, (last + 1) * CHECKED) - start)
    const n = await file.readLater(bytes, place.offset + size + start)
    if (n !== bytes.length || !intact(bytes, block.checksums, first)) {
      throw this.damaged(block.id, place)
    }
    this.cache.keepGranules(block, first, bytes)
    return bytes
  }

  private damaged(id: string, place: Location): DamageError {
    const { segment, offset } = place
    const where = `${segmentName(segment)} at ${offset}`
    return new DamageError(id, `is damaged in ${where}`, { ...place, id })
  }

  /** The segment is gone; what it held lies elsewhere by now. */
  dropSegment(segment: number): void {
    this.files.drop(segment)
    this.recent[laneOf(segment)].dropSegment(segment)
    this.index.refresh()
  }

  close(): void {
    this.files.close()
  }
}

/** What a disk says counts like what it gives. */
function damageOf(error: Error, id: string, place: Location | undefined): DamageError {
  if (error instanceof DamageError) return error
  return new DamageError(id, error.message, place && { ...place, id })
}
