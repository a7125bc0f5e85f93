/**
 * Shared memory in which one append at a time goes to the log thread: an entry of the tail log
 * (tail-entry.ts) as it will lie in the file, so that nothing is serialized or copied again. The
 * thread is woken by a bell.
 *
 *   0   bell           i32
 *   4   state          i32
 *   8   entry's length i32
 *  12   appended       i32, counts entries that are durable
 *  64   the entry
 *
 * Numbers are the machine's own.
 */
import { MiB } from '../platform/limits.ts'
import { entrySize, putEntry, type TailBlock } from './tail-entry.ts'

const SIZE = 2 * MiB
const ENTRY = 64

const STATE = 1
const LENGTH = 2
const APPENDED = 3
const states = { idle: 0, asked: 1 } as const

export class AppendSlot {
  readonly memory: SharedArrayBuffer
  readonly bell: Int32Array
  private readonly numbers: Int32Array
  private readonly entry: Buffer
  /** How many were durable when the last was asked for. */
  private appended = 0

  constructor(memory = new SharedArrayBuffer(SIZE)) {
    this.memory = memory
    this.numbers = new Int32Array(memory, 0, ENTRY / 4)
    this.bell = this.numbers.subarray(0, 1)
    this.entry = Buffer.from(memory, ENTRY)
  }

  /** False: it is too large. */
  ask(frame: Buffer, blocks: readonly TailBlock[]): boolean {
    if (entrySize(frame, blocks) > this.entry.length) return false
    this.numbers[LENGTH] = putEntry(this.entry, frame, blocks)
    // From now on the other thread may be faster than us.
    this.appended = Atomics.load(this.numbers, APPENDED)
    Atomics.store(this.numbers, STATE, states.asked)
    return true
  }

  /**
   * Calls `then` when what was asked last is durable, at less cost than a message. Of what failed
   * it may be called too, once the next is: whoever waits must have heard of the failure by then.
   */
  whenAppended(then: () => void): void {
    const before = this.appended
    const { async, value } = Atomics.waitAsync(this.numbers, APPENDED, before)
    const look = () => Atomics.load(this.numbers, APPENDED) !== before && then()
    if (async) void value.then(look)
    else then()
  }

  /** The entry that was taken last is durable. */
  tellAppended(): void {
    Atomics.add(this.numbers, APPENDED, 1)
    Atomics.notify(this.numbers, APPENDED)
  }

  /** It is not, and nobody need wait for it: a full disk fails again and again. */
  tellFailed(): void {
    Atomics.notify(this.numbers, APPENDED)
  }

  /** The entry that waits to be appended, once, where it lies. */
  take(): Buffer | undefined {
    if (Atomics.exchange(this.numbers, STATE, states.idle) !== states.asked) return undefined
    return this.entry.subarray(0, this.numbers[LENGTH])
  }
}
