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

export class SimulatedJournal implements Journal {
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
    const { file, life } = this
    const { power } = file
    const { random } = power
    await new Promise((resolve) => setTimeout(resolve, random.below(4)))
    const { last } = file
    const cut = power.step(life, 'journal append')
    const fails = cut || random.chance(file.failures)
    if (!fails || random.chance(0.5)) {
      if (added.firstSeq !== last.seq + 1 || !added.previousHash.equals(last.hash)) {
        throw new FencedError(`position ${added.firstSeq} is taken`)
      }
      file.frames.push(decodeFrame(Buffer.from(added.bytes)))
    }
    if (cut) throw new DeadError('journal append')
    if (fails) throw new Error('the simulated journal does not say whether it has the frame')
    await new Promise((resolve) => setTimeout(resolve, random.below(3)))
    this.waiters.wake()
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
