import { decodeFrame, type Frame, lastSeq } from './frame.ts'
import {
  EMPTY_TAIL,
  FencedError,
  type FrameToAppend,
  type Journal,
  type Tail,
  TrimmedError,
  tailOf,
} from './journal.ts'
import { Waiters } from './waiters.ts'

/** A journal on the heap: for tests, and the simplest reading of the contract. */
export class MemoryJournal implements Journal {
  private frames: Frame[] = []
  private trimmedBefore = 1
  private readonly waiters = new Waiters()
  private last: Tail = EMPTY_TAIL

  async tail(): Promise<Tail> {
    return this.last
  }

  async append(added: FrameToAppend): Promise<void> {
    if (added.firstSeq !== this.last.seq + 1 || !added.previousHash.equals(this.last.hash)) {
      throw new FencedError(`position ${added.firstSeq} is taken`)
    }
    const frame = decodeFrame(added.bytes)
    this.frames.push(frame)
    this.last = tailOf(frame)
    this.waiters.wake()
  }

  async *stored(from: number): AsyncIterable<Frame> {
    let next = from
    for (;;) {
      if (next < this.trimmedBefore) throw new TrimmedError(`record ${next} was trimmed`)
      const frame = this.frames.find((f) => lastSeq(f) >= next)
      if (frame === undefined) return
      next = lastSeq(frame) + 1
      yield frame
    }
  }

  read(from: number, signal: AbortSignal): AsyncIterable<Frame> {
    return this.waiters.follow(from, signal, (next) => this.stored(next))
  }

  async trim(before: number): Promise<void> {
    this.frames = this.frames.filter((frame) => lastSeq(frame) >= before)
    const first = this.frames[0]
    this.trimmedBefore = first ? first.firstSeq : this.last.seq + 1
  }

  async close(): Promise<void> {
    this.waiters.wake()
  }
}
