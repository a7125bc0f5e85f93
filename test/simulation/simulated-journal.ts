/**
 * A journal whose appends take their time, may fail without saying whether they happened, and may
 * be cut by a crash: then the frame is there or it is not, as LMDB's transactions are.
 */
import { decodeFrame, type Frame, lastSeq } from '../../src/journal/frame.ts'
import {
  EMPTY_TAIL,
  FencedError,
  type FrameToAppend,
  type Journal,
  type Tail,
  tailOf,
} from '../../src/journal/journal.ts'
import type { FramedJournal } from '../../src/journal/recover-tail.ts'
import { Waiters } from '../../src/journal/waiters.ts'
import { DeadError, type Power } from './power.ts'

/** What of it outlives processes. */
export class JournalFile {
  readonly power: Power
  readonly frames: Frame[] = []
  /** The probability that an append fails with an outcome that nobody knows. */
  failures = 0

  constructor(power: Power) {
    this.power = power
  }

  open(): SimulatedJournal {
    return new SimulatedJournal(this, this.power.life)
  }

  get last(): Tail {
    const frame = this.frames.at(-1)
    return frame === undefined ? EMPTY_TAIL : tailOf(frame)
  }

  /** Of record `seq`, or of the first one behind it. */
  indexOf(seq: number): number {
    let [low, high] = [0, this.frames.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lastSeq(this.frames[middle] as Frame) < seq) low = middle + 1
      else high = middle
    }
    return low
  }
}

export class SimulatedJournal implements Journal, FramedJournal {
  private readonly file: JournalFile
  private readonly life: number
  private readonly waiters = new Waiters()

  constructor(file: JournalFile, life: number) {
    this.file = file
    this.life = life
  }

  async tail(): Promise<Tail> {
    this.file.power.check(this.life, 'journal tail')
    return this.file.last
  }

  async append(added: FrameToAppend): Promise<void> {
    const { random } = this.file.power
    await new Promise((resolve) => setTimeout(resolve, random.below(4)))
    this.appendAll([added])
    await new Promise((resolve) => setTimeout(resolve, random.below(3)))
    this.waiters.wake()
  }

  /** A crash or a failure may leave the first of them without the others: segments end. */
  appendAll(frames: readonly FrameToAppend[]): void {
    const { power, failures } = this.file
    const { random } = power
    const cut = power.step(this.life, 'journal append')
    const fails = cut || random.chance(failures)
    const done = fails ? random.below(frames.length + 1) : frames.length
    for (const frame of frames.slice(0, done)) this.put(frame)
    if (cut) throw new DeadError('journal append')
    if (fails) throw new Error('the simulated journal does not say whether it has the frames')
  }

  private put({ firstSeq, previousHash, bytes }: FrameToAppend): void {
    const { last } = this.file
    if (firstSeq !== last.seq + 1 || !previousHash.equals(last.hash)) {
      throw new FencedError(`position ${firstSeq} is taken`)
    }
    this.file.frames.push(decodeFrame(Buffer.from(bytes)))
  }

  isFree(seq: number): boolean {
    this.file.power.check(this.life, 'journal read')
    return this.file.last.seq < seq
  }

  async *stored(from: number): AsyncIterable<Frame> {
    const { file } = this
    for (let i = file.indexOf(from); i < file.frames.length; i++) {
      file.power.check(this.life, 'journal read')
      yield file.frames[i] as Frame
    }
  }

  read(from: number, signal: AbortSignal): AsyncIterable<Frame> {
    return this.waiters.follow(from, signal, (next) => this.stored(next))
  }

  /** Another thread has appended. */
  poke(): void {
    this.waiters.wake()
  }

  async trim(): Promise<void> {
    throw new Error('nothing trims a journal yet')
  }

  async close(): Promise<void> {
    this.waiters.wake()
  }
}
