/**
 * Shared memory in which one append at a time goes to the log thread and its answer comes back:
 * nothing is serialized, and the thread is woken by a bell.
 *
 *   0   bell           i32        16  frame's length   u32
 *   4   state          i32        20  blocks           u32
 *   8   position: segment, offset 24  of each block: length u32, id 32 bytes
 *       of the lane    u32 each       the frame, then the bytes of the blocks
 *
 * In the answer the place of a block's length has 0 (known before), or 1 when it was written now,
 * and its id the segment and the offset. Numbers are the machine's own.
 */
import type { Stored } from '../content/block-writer.ts'
import { MiB } from '../platform/limits.ts'

const SIZE = 2 * MiB
const HEADER = 24
const ROW = 36

export const slotState = { idle: 0, asked: 1 } as const

export interface SlotBlock {
  readonly id: string
  readonly bytes: Buffer
}

export class AppendSlot {
  readonly memory: SharedArrayBuffer
  readonly bell: Int32Array
  private readonly numbers: Uint32Array
  private readonly bytes: Buffer

  constructor(memory = new SharedArrayBuffer(SIZE)) {
    this.memory = memory
    this.bell = new Int32Array(memory, 0, 2)
    this.numbers = new Uint32Array(memory)
    this.bytes = Buffer.from(memory)
  }

  /** False: it is too large. */
  ask(frame: Buffer, blocks: readonly SlotBlock[]): boolean {
    let at = HEADER + ROW * blocks.length
    let size = at + frame.length
    for (const { bytes } of blocks) size += bytes.length
    if (size > SIZE) return false
    this.numbers[4] = frame.length
    this.numbers[5] = blocks.length
    frame.copy(this.bytes, at)
    at += frame.length
    for (let i = 0; i < blocks.length; i++) {
      const { id, bytes } = blocks[i] as SlotBlock
      const row = HEADER + ROW * i
      this.numbers[row >>> 2] = bytes.length
      this.bytes.latin1Write(id, row + 4, 32)
      bytes.copy(this.bytes, at)
      at += bytes.length
    }
    Atomics.store(this.bell, 1, slotState.asked)
    return true
  }

  /** Whether an append waits, once. */
  take(): boolean {
    return Atomics.exchange(this.bell, 1, slotState.idle) === slotState.asked
  }

  /** A copy of the frame, and the blocks where they lie. */
  asked(): { readonly frame: Buffer; readonly blocks: readonly SlotBlock[] } {
    const [length, count] = [this.numbers[4] as number, this.numbers[5] as number]
    let at = HEADER + ROW * count
    const frame = Buffer.from(this.bytes.subarray(at, at + length))
    at += length
    const blocks: SlotBlock[] = []
    for (let i = 0; i < count; i++) {
      const row = HEADER + ROW * i
      const size = this.numbers[row >>> 2] as number
      const id = this.bytes.latin1Slice(row + 4, row + 36)
      blocks.push({ id, bytes: this.bytes.subarray(at, at + size) })
      at += size
    }
    return { frame, blocks }
  }

  /** What became of the blocks that were asked for. */
  answer(stored: Stored | undefined): void {
    if (stored === undefined) return
    const { locations, written, position } = stored
    this.numbers[2] = position.segment
    this.numbers[3] = position.offset
    const fresh = new Set<number>()
    for (const { segment, offset } of written) fresh.add(segment * 2 ** 32 + offset)
    for (let i = 0; i < locations.length; i++) {
      const { segment, offset } = locations[i] as Stored['locations'][number]
      const row = (HEADER + ROW * i) >>> 2
      // Equal blocks of one append lie in one place, which is told once.
      const isFresh = fresh.delete(segment * 2 ** 32 + offset)
      this.numbers[row] = isFresh ? 1 : 0
      this.numbers[row + 1] = segment
      this.numbers[row + 2] = offset
    }
  }

  /** The answer about `blocks`, which were asked for. */
  answered(blocks: readonly SlotBlock[]): Pick<Stored, 'written' | 'position'> {
    const written: Stored['written'][number][] = []
    for (let i = 0; i < blocks.length; i++) {
      const row = (HEADER + ROW * i) >>> 2
      if (this.numbers[row] !== 1) continue
      const { id, bytes } = blocks[i] as SlotBlock
      const [segment, offset] = [this.numbers[row + 1] as number, this.numbers[row + 2] as number]
      written.push({ id, segment, offset, length: bytes.length })
    }
    const position = { segment: this.numbers[2] as number, offset: this.numbers[3] as number }
    return { written, position }
  }
}
