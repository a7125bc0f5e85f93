/**
 * When a simulated machine fails. Every access to what outlives a process is a step; the plan says
 * at which of them the process ends. From then on nothing that it holds does anything.
 */
import type { SeededRandom } from '../seeded-random.ts'

/** How a process ends. */
export type End =
  /** The machine goes on: what the system has in memory is still there. */
  | 'killed'
  /** Only what was synced is sure to be there. */
  | 'powerCut'

/** The process that asks is dead. */
export class DeadError extends Error {
  override readonly name = 'DeadError'

  constructor(what: string) {
    super(`dead at ${what}`)
  }
}

export class Power {
  readonly random: SeededRandom
  /** Counts processes: what an earlier one holds is dead. */
  life = 0
  /** Where the present one has ended. */
  end: string | undefined
  /** Steps by name, for who wants to know what was interrupted. */
  readonly interrupted = new Map<string, number>()
  private left = Number.POSITIVE_INFINITY

  constructor(random: SeededRandom) {
    this.random = random
  }

  get alive(): boolean {
    return this.end === undefined
  }

  /** A new process, which ends after so many steps. */
  begin(steps: number): number {
    this.life += 1
    this.end = undefined
    this.left = steps
    return this.life
  }

  /** The present process ends after so many steps more. */
  limit(steps: number): void {
    this.left = steps
  }

  /** True: this is the step at which it ends, with whatever of it has been done. */
  step(life: number, name: string): boolean {
    this.check(life, name)
    this.left -= 1
    if (this.left > 0) return false
    this.stop(name)
    return true
  }

  stop(name: string): void {
    if (this.end !== undefined) return
    this.end = name
    this.interrupted.set(name, (this.interrupted.get(name) ?? 0) + 1)
  }

  /** Throws when the process that asks is dead. */
  check(life: number, name: string): void {
    if (life !== this.life || !this.alive) throw new DeadError(name)
  }
}
