/** A moment: seconds since 1970-01-01T00:00:00Z and nanoseconds within the second. */
export interface Instant {
  readonly sec: number
  readonly nsec: number
}

/** Where time comes from. Never goes back, and no two calls return the same instant. */
export interface Clock {
  now(): Instant
}

/** Whether what a client gave as a time is one. */
export const isTime = (time: Instant | undefined): boolean =>
  time === undefined || (time.nsec < 1_000_000_000 && time.sec <= Number.MAX_SAFE_INTEGER)

export function laterThan(a: Instant, b: Instant): boolean {
  return a.sec > b.sec || (a.sec === b.sec && a.nsec > b.nsec)
}

export function justAfter({ sec, nsec }: Instant): Instant {
  return nsec === 999_999_999 ? { sec: sec + 1, nsec: 0 } : { sec, nsec: nsec + 1 }
}

export function instantOfMillis(millis: number): Instant {
  const sec = Math.floor(millis / 1000)
  return { sec, nsec: Math.min(999_999_999, Math.round((millis - sec * 1000) * 1e6)) }
}

export const millisOf = ({ sec, nsec }: Instant): number => sec * 1000 + nsec / 1e6

/** How far the fine-grained clock may drift from the system's before it follows. */
const DRIFT_MS = 5

/**
 * The system's clock at microsecond resolution. When the system's clock is set back, time stands
 * still (it advances by a nanosecond a call) until the system has caught up: records are ordered.
 */
export class SystemClock implements Clock {
  private base = Date.now() - performance.now()
  private last: Instant

  /** `notBefore`: the time of the last record, which a restart must not undercut. */
  constructor(notBefore: Instant = { sec: 0, nsec: 0 }) {
    this.last = notBefore
  }

  now(): Instant {
    const fine = performance.now()
    const system = Date.now()
    if (Math.abs(this.base + fine - system) > DRIFT_MS) this.base = system - fine
    const now = instantOfMillis(this.base + fine)
    this.last = laterThan(now, this.last) ? now : justAfter(this.last)
    return this.last
  }
}
