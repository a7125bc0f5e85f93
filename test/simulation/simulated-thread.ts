import type { SeededRandom } from '../seeded-random.ts'

/**
 * A thread as others see it: calls arrive in order and a little later, answers likewise. What it
 * does happens in between, in one piece as far as it does not wait.
 */
export class SimulatedThread {
  private readonly random: SeededRandom
  private readonly slowest: number
  private arriving: Promise<void> = Promise.resolve()
  private answering: Promise<void> = Promise.resolve()

  /** `slowest`: milliseconds that a message may take. */
  constructor(random: SeededRandom, slowest: number) {
    this.random = random
    this.slowest = slowest
  }

  private delay(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.random.below(this.slowest + 1)))
  }

  async call<T>(handler: () => T | Promise<T>): Promise<T> {
    const arrived = this.arriving.then(() => this.delay())
    this.arriving = arrived
    await arrived
    const outcome = await Promise.allSettled([(async () => handler())()])
    await this.answer()
    const [settled] = outcome
    if (settled.status === 'rejected') throw settled.reason
    return settled.value
  }

  /** Says something to whoever listens, behind the answers that went before. */
  async emit(hear: () => void): Promise<void> {
    await this.answer()
    hear()
  }

  private answer(): Promise<void> {
    const answered = this.answering.then(() => this.delay())
    this.answering = answered
    return answered
  }
}
