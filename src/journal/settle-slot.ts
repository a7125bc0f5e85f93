/**
 * Shared memory in which the log thread asks for a file of the tail log to be settled, one at a
 * time. Numbers are the machine's own, i32 each: bell, state, file, end, segment.
 */
import { ring } from '../platform/thread.ts'
import type { Area } from './tail-log.ts'
import type { Settling } from './tail-writer.ts'

const BELL = 0
const STATE = 1
const AREA = 2
const END = 3
const SEGMENT = 4
const SIZE = 32

const states = { done: 0, asked: 1, full: 2, failed: 3 } as const

/** What the settling thread does with it. */
export class SettleSlot {
  readonly memory: SharedArrayBuffer
  readonly bell: Int32Array
  protected readonly numbers: Int32Array

  constructor(memory = new SharedArrayBuffer(SIZE)) {
    this.memory = memory
    this.numbers = new Int32Array(memory)
    this.bell = this.numbers.subarray(BELL, BELL + 1)
  }

  /** What is to be settled now, if anything is. */
  asked(): { readonly area: Area; readonly end: number } | undefined {
    if (Atomics.load(this.numbers, STATE) !== states.asked) return undefined
    return { area: this.numbers[AREA] as Area, end: this.numbers[END] as number }
  }

  /** `segment`: the last one that the lane of small blocks has. */
  done(segment: number): void {
    Atomics.store(this.numbers, SEGMENT, segment)
    this.become(states.done)
  }

  /** The disk has no room. It stays to be done: `again` says when. */
  full(): void {
    this.become(states.full)
  }

  again(): void {
    Atomics.compareExchange(this.numbers, STATE, states.full, states.asked)
  }

  /** Nothing will ever be settled again. */
  fail(): void {
    this.become(states.failed)
  }

  private become(state: number): void {
    Atomics.store(this.numbers, STATE, state)
    Atomics.notify(this.numbers, STATE)
  }
}

/** What the log thread does with it. */
export class SettleCaller extends SettleSlot implements Settling {
  get busy(): boolean {
    return Atomics.load(this.numbers, STATE) !== states.done
  }

  get segment(): number {
    return Atomics.load(this.numbers, SEGMENT)
  }

  begin(area: Area, end: number): void {
    this.numbers[AREA] = area
    this.numbers[END] = end
    Atomics.store(this.numbers, STATE, states.asked)
    ring(this.bell)
  }

  wait(): void {
    while (this.busy) {
      // A disk that was full is looked at again for each who waits.
      this.again()
      ring(this.bell)
      Atomics.wait(this.numbers, STATE, states.asked)
      const state = Atomics.load(this.numbers, STATE)
      if (state === states.full) {
        throw Object.assign(new Error('no room for what the tail log has'), { code: 'ENOSPC' })
      }
      if (state === states.failed) throw new Error('what the tail log has could not be settled')
    }
  }
}
