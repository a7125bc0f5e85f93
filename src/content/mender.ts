/**
 * Makes good what can be: a block that a damaged index hides is found again in its segment, and one
 * that is damaged in its segment stands for no later equal block, so that whoever writes the same
 * bytes again stores them anew for everybody.
 */
import { KiB, MiB } from '../platform/limits.ts'
import { blockId, headerSize } from './block.ts'
import { type BlockIndex, makeDurable, type Position } from './block-index.ts'
import type { BlockWriter } from './block-writer.ts'
import type { Disk, DiskFile } from './disk.ts'
import { patient } from './patient-file.ts'
import { blockAt, blocksOf, type FoundBlock, laneOf, segmentName, segmentsOn } from './segment.ts'

export interface MenderOptions {
  readonly disk: Disk
  readonly index: BlockIndex
  readonly writer: BlockWriter
  /** Brings the index up to date. */
  readonly flush: () => void
  /** The same with blocks that were written. */
  readonly change: (written: readonly FoundBlock[], position: Position) => void
  /** Between two bounded pieces of a search: sets its rate. */
  readonly pause: () => Promise<void>
  /** Hears of a block that was looked for, and that the index had lost. */
  readonly onHidden: (block: FoundBlock) => void
}

/** What is read between two pauses, a block's header counted as so much. */
const PIECE = MiB
const HEADER_COST = 16 * KiB
/** How long a search that has come to its end stands for another one: it has found all there is. */
const CURRENT_MILLIS = 600_000

export class Mender {
  private readonly options: MenderOptions
  /** Who waits for the search that is under way. What it has passed is in the index. */
  private readonly waiting = new Map<string, PromiseWithResolvers<boolean>>()
  private searching = false
  /** All segments were looked at not long ago. */
  private current = false

  constructor(options: MenderOptions) {
    this.options = options
  }

  /** A block is not what was written where it is looked for. */
  spoiled({ id, segment, offset }: FoundBlock): void {
    const { index, writer, flush } = this.options
    writer.forget([id])
    if (index.get(id) === undefined) flush()
    const place = index.get(id)
    if (place === undefined || place.damaged === true) return
    if (place.segment !== segment || place.offset !== offset) return
    index.change([{ ...place, id, damaged: true }], [], new Map())
  }

  /**
   * Stores a block anew of which only the header is damaged: its name proves its bytes. True when
   * it is good again.
   */
  async rescue({ id, segment, offset, length }: FoundBlock): Promise<boolean> {
    const { disk, index, writer, change } = this.options
    const place = index.get(id)
    if (place?.damaged !== true || place.segment !== segment || place.offset !== offset)
      return false
    const bytes = bytesIn(disk, segment, offset + headerSize(length), length)
    if (bytes === undefined || blockId(bytes) !== id) return false
    await writer.storeLater([{ id, bytes }], ({ written, position }) => change(written, position))
    return true
  }

  /**
   * Whether the index finds a block now that it did not find before. Looks at all segments, unless
   * that was done not long ago; all that the index had lost is found on the way.
   */
  find(id: string): Promise<boolean> {
    if (this.isKnown(id)) return Promise.resolve(true)
    if (this.current) return Promise.resolve(false)
    const asked = this.waiting.get(id)
    if (asked !== undefined) return asked.promise
    const answer = Promise.withResolvers<boolean>()
    this.waiting.set(id, answer)
    if (!this.searching) void this.search()
    return answer.promise
  }

  private isKnown(id: string): boolean {
    return this.options.index.get(id) !== undefined
  }

  private async search(): Promise<void> {
    this.searching = true
    try {
      await this.round()
      this.current = true
      setTimeout(() => {
        this.current = false
      }, CURRENT_MILLIS).unref()
      for (const [id, { resolve }] of this.waiting) resolve(this.isKnown(id))
    } catch (error) {
      for (const { reject } of this.waiting.values()) reject(error)
    } finally {
      this.waiting.clear()
      this.searching = false
    }
  }

  private async round(): Promise<void> {
    const { disk, index, flush } = this.options
    flush()
    for (const segment of segmentsOn(disk)) {
      // What lies behind it was not lost: it is on its way into the index.
      const position = index.position(laneOf(segment))
      if (segment > position.segment) continue
      const end = segment === position.segment ? position.offset : Number.POSITIVE_INFINITY
      if (!this.isThere(segment)) continue
      const file = disk.open(segmentName(segment))
      try {
        await this.look(file, segment, end)
      } finally {
        file.close()
      }
    }
  }

  private async look(file: DiskFile, segment: number, end: number): Promise<void> {
    let hidden: FoundBlock[] = []
    let cost = 0
    let lost = false
    const onGap = () => {
      lost = true
    }
    for (const block of blocksOf(file, segment, undefined, false, onGap)) {
      if (block.offset >= end) break
      cost += HEADER_COST
      if (!this.isKnown(block.id)) {
        cost += block.length
        if (blockAt(file, segment, block.offset, true)?.id === block.id) hidden.push(block)
        else if (!lost) this.spoilt(block)
      }
      if (cost < PIECE) continue
      this.adopt(file, segment, hidden)
      hidden = []
      cost = 0
      await this.options.pause()
    }
    this.adopt(file, segment, hidden)
  }

  /** Damaged, and looked for: who wants it shall be told where it is, and gets what is whole. */
  private spoilt(block: FoundBlock): void {
    if (!this.waiting.has(block.id)) return
    this.options.index.change([{ ...block, damaged: true }], [], new Map())
  }

  /** A segment that is emptied takes care of what the index hides by itself. */
  private isThere(segment: number): boolean {
    const { disk, writer } = this.options
    return !writer.isCondemned(segment) && disk.list().includes(segmentName(segment))
  }

  private adopt(file: DiskFile, segment: number, found: readonly FoundBlock[]): void {
    const hidden = found.filter(({ id }) => !this.isKnown(id))
    if (hidden.length === 0 || !this.isThere(segment)) return
    makeDurable(file, hidden)
    this.options.index.change(hidden, [], new Map())
    for (const block of hidden) {
      const answer = this.waiting.get(block.id)
      if (answer === undefined) continue
      this.waiting.delete(block.id)
      this.options.onHidden(block)
      answer.resolve(true)
    }
  }
}

function bytesIn(disk: Disk, segment: number, at: number, length: number): Buffer | undefined {
  let file: DiskFile
  try {
    file = disk.open(segmentName(segment))
  } catch {
    return undefined
  }
  try {
    const bytes = Buffer.allocUnsafeSlow(length)
    return patient(file).read(bytes, at) === length ? bytes : undefined
  } finally {
    file.close()
  }
}
