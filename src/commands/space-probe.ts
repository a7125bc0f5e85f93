import type { Space } from './decider.ts'

/** How often the disk is asked. In between, what was taken in since is counted. */
const PROBE_MILLIS = 200

/**
 * How much room there is. Changes are refused while the reserve is touched, before they are
 * decided; what frees room goes on, and lives on the reserve meanwhile.
 */
export class SpaceProbe {
  private readonly ask: () => { readonly free: number; readonly total: number }
  /** Bytes that are promised and not on the disk yet. */
  private readonly promised: () => number
  private readonly reserve: number
  private readonly timer: NodeJS.Timeout
  private last: { readonly free: number; readonly total: number }

  constructor(
    ask: () => { readonly free: number; readonly total: number },
    promised: () => number,
    reserve: number,
  ) {
    this.ask = ask
    this.promised = promised
    this.reserve = reserve
    this.last = ask()
    this.timer = setInterval(() => {
      this.last = ask()
    }, PROBE_MILLIS).unref()
  }

  space(): Space {
    return this.free() > 0 ? 'free' : 'full'
  }

  /** Bytes that may still be taken in. */
  free(): number {
    return this.last.free - this.promised() - this.reserve
  }

  get total(): number {
    return this.last.total
  }

  /** After something failed for want of room: look now, not at the next tick. */
  refresh(): void {
    this.last = this.ask()
  }

  stop(): void {
    clearInterval(this.timer)
  }
}
