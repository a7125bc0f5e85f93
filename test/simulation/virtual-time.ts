/**
 * Time that passes only as the simulation lets it. While it is installed, the timers of everything
 * that runs are events in one queue, in an order that depends on nothing but the seed.
 */
import type { Clock, Instant } from '../../src/platform/clock.ts'
import type { SeededRandom } from '../seeded-random.ts'

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
  readonly every: number | undefined
}

type Callback = (...args: unknown[]) => void

/** What setTimeout and its like return here. */
class Handle {
  readonly id: number

  constructor(id: number) {
    this.id = id
  }

  unref(): this {
    return this
  }

  ref(): this {
    return this
  }

  hasRef(): boolean {
    return false
  }

  [Symbol.toPrimitive](): number {
    return this.id
  }
}

const names = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
] as const

const realImmediate = globalThis.setImmediate

/** One turn of the real event loop: everything that waits for nothing but a promise has gone on. */
const turn = (): Promise<void> => new Promise((resolve) => realImmediate(resolve))

export class VirtualTime {
  /** Milliseconds. */
  now = 0
  events = 0
  /** What a timer's callback throws ends a process, or a thread of it. */
  onError: (error: Error) => void = (error) => {
    throw error
  }
  private readonly random: SeededRandom
  private readonly queue = new Map<number, Event>()
  private next = 1

  constructor(random: SeededRandom) {
    this.random = random
  }

  /** From here on timers are events. Returns how to have the real ones back. */
  install(): () => void {
    const real = names.map((name) => [name, globalThis[name]] as const)
    const add = (millis: number, every: number | undefined, run: Callback, args: unknown[]) =>
      this.add(millis, every, () => run(...args))
    const remove = (handle: unknown) => this.remove(handle)
    Object.assign(globalThis, {
      setTimeout: (run: Callback, millis = 0, ...args: unknown[]) =>
        add(Math.max(1, millis), undefined, run, args),
      setInterval: (run: Callback, millis = 0, ...args: unknown[]) =>
        add(Math.max(1, millis), Math.max(1, millis), run, args),
      setImmediate: (run: Callback, ...args: unknown[]) => add(0, undefined, run, args),
      clearTimeout: remove,
      clearInterval: remove,
      clearImmediate: remove,
    })
    return () => Object.assign(globalThis, Object.fromEntries(real))
  }

  private add(millis: number, every: number | undefined, run: () => void): Handle {
    const id = this.next
    this.next += 1
    this.queue.set(id, { at: this.now + millis, order: id, run, every })
    return new Handle(id)
  }

  private remove(handle: unknown): void {
    if (handle instanceof Handle) this.queue.delete(handle.id)
  }

  /** Whoever waited for time waits for ever: their process is gone. */
  forgetAll(): void {
    this.queue.clear()
  }

  /** Resolves after so many milliseconds. */
  sleep(millis: number): Promise<void> {
    return new Promise((resolve) => {
      this.add(millis, undefined, resolve)
    })
  }

  /** Lets things happen until `done`. `before` is called before each event. */
  async runUntil(done: () => boolean, before: () => void = () => undefined): Promise<void> {
    for (;;) {
      await turn()
      if (done()) return
      before()
      if (done()) return
      const id = this.soonest()
      if (id === undefined) throw new Error('everything waits for nothing')
      this.happen(id)
    }
  }

  /** Of what is due at the same moment any may come first. */
  private soonest(): number | undefined {
    let at = Number.POSITIVE_INFINITY
    let due: number[] = []
    for (const [id, event] of this.queue) {
      if (event.at > at) continue
      if (event.at < at) {
        at = event.at
        due = []
      }
      due.push(id)
    }
    if (due.length <= 1) return due[0]
    return this.random.chance(0.8) ? due[0] : this.random.pick(due)
  }

  private happen(id: number): void {
    const event = this.queue.get(id) as Event
    this.now = Math.max(this.now, event.at)
    this.events += 1
    if (event.every === undefined) this.queue.delete(id)
    else this.queue.set(id, { ...event, at: this.now + event.every })
    try {
      event.run()
    } catch (error) {
      this.onError(error as Error)
    }
  }
}

const START = 1_800_000_000

/** The wall clock of the simulation: no two instants are the same. */
export class VirtualClock implements Clock {
  private readonly time: VirtualTime
  private last = 0

  constructor(time: VirtualTime) {
    this.time = time
  }

  now(): Instant {
    this.last = Math.max(this.last + 1000, Math.floor(this.time.now * 1e6))
    const sec = Math.floor(this.last / 1e9)
    return { sec: START + sec, nsec: this.last - sec * 1e9 }
  }
}
