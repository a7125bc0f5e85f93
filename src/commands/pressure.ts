/**
 * Backpressure: while the server holds more than it may, whoever feeds it stops reading from its
 * sockets, and goes on when there is room again. Pressure slows; it never refuses.
 */
export interface PressureGauge {
  readonly name: string
  readonly level: () => number
  readonly limit: number
}

export class Pressure {
  private readonly gauges: readonly PressureGauge[]
  private readonly waiting = new Set<() => void>()

  constructor(gauges: readonly PressureGauge[]) {
    this.gauges = gauges
  }

  /** The first gauge that is over its limit. */
  blocked(): string | undefined {
    for (const gauge of this.gauges) if (gauge.level() > gauge.limit) return gauge.name
    return undefined
  }

  get paused(): number {
    return this.waiting.size
  }

  /** Calls `resume` once, when there is room. */
  wait(resume: () => void): void {
    this.waiting.add(resume)
  }

  forget(resume: () => void): void {
    this.waiting.delete(resume)
  }

  /** Something was let go: see whether that is enough. */
  relieve(): void {
    if (this.waiting.size === 0 || this.blocked() !== undefined) return
    const resumed = [...this.waiting]
    this.waiting.clear()
    for (const resume of resumed) resume()
  }
}
