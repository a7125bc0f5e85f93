/** Brings what the tail log has to where it belongs: blocks to segments, frames to LMDB. */
import type { Location } from '../content/block.ts'
import type { Position } from '../content/block-index.ts'
import type { BlockWriter, Stored } from '../content/block-writer.ts'
import type { Disk } from '../content/disk.ts'
import { fault } from '../platform/fault.ts'
import { frameToAppend } from './frame.ts'
import type { FramedJournal } from './recover-tail.ts'
import { type Area, TailReader } from './tail-log.ts'

/** Numbers of a place: of each block segment and offset, and whether it was stored there now. */
export const PLACE = 3

export interface Settled {
  /** The last record of those that journals have now. */
  readonly seq: number
  /** Of each block, in the order of the entries. Of equal ones the first was stored, if any. */
  readonly places: Uint32Array
  /** Everything that the lane has lies before it; undefined when there were no blocks. */
  readonly position: Position | undefined
}

export interface SettlerOptions {
  readonly journal: FramedJournal
  /** Where the tail log lies. */
  readonly disk: Disk
  readonly blocks: BlockWriter
}

export class Settler {
  readonly blocks: BlockWriter
  private readonly journal: FramedJournal
  private readonly reader: TailReader
  private stored: Stored | undefined

  constructor({ journal, disk, blocks }: SettlerOptions) {
    this.journal = journal
    this.blocks = blocks
    this.reader = new TailReader(disk)
  }

  /**
   * All that a file of the tail log has before `end` is durable elsewhere when it returns. When it
   * throws that the disk is full (disk-full.ts) the same may be asked for again; whatever else it
   * throws, the journal must be recovered (recover-tail.ts).
   */
  settle(area: Area, end: number): Settled {
    const entries = this.reader.read(area, end)
    const blocks = entries.flatMap((entry) => entry.blocks)
    // What was stored before the disk was full is not told a second time.
    if (blocks.length > 0) this.stored ??= this.blocks.write(blocks)
    this.blocks.sync()
    fault('tail.synced')
    const frames = entries.map(({ frame }) => frameToAppend(frame))
    this.journal.appendAll(frames)
    const { stored } = this
    this.stored = undefined
    const last = frames.at(-1)
    return {
      seq: last === undefined ? 0 : last.firstSeq + last.count - 1,
      places: stored === undefined ? new Uint32Array(0) : placesOf(stored),
      position: stored?.position,
    }
  }

  close(): void {
    this.blocks.close()
    this.reader.close()
  }
}

/** What was written is in order too: its next place belongs to the first block that lies there. */
function placesOf({ locations, written }: Stored): Uint32Array {
  const places = new Uint32Array(PLACE * locations.length)
  let next = 0
  for (let i = 0; i < locations.length; i++) {
    const { segment, offset } = locations[i] as Location
    const fresh = written[next]
    const isFresh = fresh !== undefined && fresh.segment === segment && fresh.offset === offset
    places[PLACE * i] = segment
    places[PLACE * i + 1] = offset
    if (!isFresh) continue
    places[PLACE * i + 2] = 1
    next += 1
  }
  return places
}
