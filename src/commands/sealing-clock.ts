import type { Staging } from '../content/staging.ts'
import type { Clock } from '../platform/clock.ts'
import { millisOf } from '../platform/clock.ts'
import type { Sealer } from './content/sealer.ts'

/** Staged bytes are sealed when nobody has added to them for this long, and when they are old. */
const IDLE_MILLIS = 1000
const AGE_MILLIS = 5000
const TICK_MILLIS = 200
/** Files sealed at a time for their age. Who commits is not held up by it. */
const AT_ONCE = 8

/** Seals what clients leave unsealed: by age, and by size when staging fills up. */
export class SealingClock {
  private readonly staging: Staging
  private readonly sealer: Sealer
  private readonly clock: Clock
  private readonly budget: number
  private readonly onError: (error: Error) => void
  private readonly timer: NodeJS.Timeout
  private under = 0

  constructor(
    staging: Staging,
    sealer: Sealer,
    clock: Clock,
    budget: number,
    onError: (error: Error) => void,
  ) {
    this.staging = staging
    this.sealer = sealer
    this.clock = clock
    this.budget = budget
    this.onError = onError
    this.timer = setInterval(() => this.tick(), TICK_MILLIS).unref()
  }

  tick(): void {
    const now = millisOf(this.clock.now())
    const { bytes, memory } = this.staging
    const full = bytes > this.budget / 2 || memory > 0.75 * this.budget
    for (const [id, file] of this.staging.all()) {
      if (this.under >= AT_ONCE) return
      if (file.fresh.empty || !this.sealer.isIdle(id)) continue
      const due = now - file.touched >= IDLE_MILLIS || now - file.since >= AGE_MILLIS
      if (due || full) this.seal(id)
    }
  }

  private seal(id: number): void {
    this.under += 1
    this.sealer
      .seal(id)
      .catch((error: Error) => {
        this.onError(error)
        // Not again at once: what is wrong with the disk is still wrong in a moment.
        const file = this.staging.find(id)
        const now = millisOf(this.clock.now())
        if (file !== undefined) {
          file.touched = now
          file.since = now
        }
      })
      .finally(() => {
        this.under -= 1
      })
  }

  stop(): void {
    clearInterval(this.timer)
  }
}
