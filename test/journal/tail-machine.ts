/** Where a tail log is written, and what it is brought to. */
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { blocksOf, lanes } from '../../src/content/segment.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../src/journal/frame.ts'
import { EMPTY_TAIL, type FrameToAppend, type Tail, tailOf } from '../../src/journal/journal.ts'
import { packRecord } from '../../src/journal/record.ts'
import { type RecoverOptions, recoverTail, restoreBlocks } from '../../src/journal/recover-tail.ts'
import { type Settled, Settler } from '../../src/journal/settler.ts'
import {
  entrySize,
  putEntry,
  SALT,
  type TailBlock,
  type TailEntry,
} from '../../src/journal/tail-entry.ts'
import { type Area, readTail } from '../../src/journal/tail-log.ts'
import { type Settling, TailWriter } from '../../src/journal/tail-writer.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { MemoryDisk } from '../model/memory-disk.ts'
import { SeededRandom } from '../seeded-random.ts'
import { aRecord } from './records.ts'

export function frameAfter(tail: Tail, count = 1): Frame {
  const records = Array.from({ length: count }, (_, i) =>
    packRecord(aRecord(tail.seq + 1 + i, `name-${tail.seq + 1 + i}`)),
  )
  const time = { sec: 1_700_000_000, nsec: tail.seq + count }
  return encodeFrame(
    { epoch: 1, firstSeq: tail.seq + 1, count, time, previousHash: tail.hash },
    records,
  )
}

export const entryOf = ({ bytes }: Frame, blocks: readonly TailBlock[]): Buffer => {
  const entry = Buffer.alloc(entrySize(bytes, blocks))
  putEntry(entry, bytes, blocks)
  return entry
}

/** A machine: disks that outlive whoever writes them, and a journal that is what LMDB has. */
export class Machine implements Settling {
  readonly disk = new MemoryDisk()
  readonly segments = new MemoryDisk()
  readonly index = new BlockIndex(new MemoryStore())
  readonly stored: FrameToAppend[] = []
  readonly journal: RecoverOptions<TailEntry>['journal'] = {
    stored: (from) => this.storedFrom(from),
    append: async (frame) => void this.stored.push(frame),
    appendAll: (frames) => void this.stored.push(...frames),
    tail: async () => this.tail,
  }
  tail: Tail = EMPTY_TAIL
  readonly frames: Frame[] = []
  readonly blocks: Buffer[] = []
  readonly random = new SeededRandom(7)
  readonly settled: Settled[] = []
  private asked: { readonly area: Area; readonly end: number } | undefined
  settler = this.openSettler()
  writer = this.open()

  open(): TailWriter {
    return new TailWriter({
      disk: this.disk,
      settling: this,
      newSalt: () => Buffer.alloc(SALT, 0x5a),
      isFree: (seq) => seq > this.tail.seq,
    })
  }

  openSettler(): Settler {
    const { journal, disk, segments, index } = this
    return new Settler({
      ...{ journal, disk },
      blocks: new BlockWriter(index, { disk: segments, lane: lanes.log }),
    })
  }

  get busy(): boolean {
    return this.asked !== undefined
  }

  get segment(): number {
    return this.settler.blocks.segment
  }

  begin(area: Area, end: number): void {
    this.asked = { area, end }
  }

  wait(): void {
    if (this.asked === undefined) return
    this.settled.push(this.settler.settle(this.asked.area, this.asked.end))
    this.asked = undefined
  }

  /** Everything is settled when it returns. */
  settle(): void {
    this.wait()
    this.writer.handOver()
    this.wait()
  }

  commit(size = 4096): void {
    this.commitBlock(this.random.bytes(size))
  }

  commitBlock(block: Buffer): void {
    const frame = frameAfter(this.frames.length === 0 ? EMPTY_TAIL : tailOf(this.last))
    this.writer.append(entryOf(frame, [identified(block)]))
    this.frames.push(frame)
    this.blocks.push(block)
  }

  get last(): Frame {
    return this.frames.at(-1) as Frame
  }

  private async *storedFrom(from: number): AsyncIterable<Frame> {
    for (const { bytes, firstSeq } of this.stored) if (firstSeq >= from) yield decodeFrame(bytes)
  }

  /** What LMDB had at some moment is what it has. */
  storedUpTo(count: number): void {
    this.stored.length = count
    this.tail = count === 0 ? EMPTY_TAIL : tailOf(this.frames[count - 1] as Frame)
  }

  async recover(): Promise<number> {
    const { journal, disk, segments } = this
    const restore = (entries: readonly TailEntry[]) => restoreBlocks(segments, entries)
    return recoverTail({ journal, content: readTail(disk), restore })
  }

  /** Ids of the blocks that are whole in segments. */
  wholeBlocks(): Set<string> {
    const ids = new Set<string>()
    for (const name of this.segments.list()) {
      for (const { id } of blocksOf(this.segments.open(name), 0, undefined, true)) ids.add(id)
    }
    return ids
  }
}
