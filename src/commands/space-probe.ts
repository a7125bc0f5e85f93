import { MiB } from '../platform/limits.ts'
import type { Ballast } from './ballast.ts'
import type { Space } from './decider.ts'

/** What a commit may take: of frames, of LMDB's pages, and of what is written ahead. */
const COMMIT_BYTES = 2 * MiB
/** How often the disk is asked. In between, what was taken in since is counted. */
const PROBE_MILLIS = 200

export interface SpaceProbeOptions {
  readonly ballast: Pick<Ballast, 'look' | 'held' | 'size'>
  /** Bytes that are promised and not on the disk yet. */
  readonly promised: () => number
  /** Bytes of disk that only what frees some may use. */
  readonly reserve: number
}

/**
 * How much room there is. Changes are refused while the reserve is touched, before they are
 * decided; what frees room goes on, and lives on the reserve meanwhile.
 */
export class SpaceProbe {
  private readonly options: SpaceProbeOptions
  private readonly timer: NodeJS.Timeout
  private last: { readonly free: number; readonly total: number }

  constructor(options: SpaceProbeOptions) {
    this.options = options
    this.last = options.ballast.look(options.reserve)
    this.timer = setInterval(() => this.refresh(), PROBE_MILLIS).unref()
  }

  space(): Space {
    return this.free() > 0 ? 'free' : 'full'
  }

  /** Bytes that may still be taken in. */
  free(): number {
    const { ballast, promised, reserve } = this.options
    return this.last.free + ballast.held - promised() - reserve
  }

  /** Whether the reserve is used up too: not even deleting can be written down. */
  exhausted(): boolean {
    const { ballast, promised } = this.options
    const least = Math.max(ballast.size / 4, COMMIT_BYTES)
    return ballast.held === 0 && this.last.free - promised() < least
  }

  get total(): number {
    return this.last.total
  }

  /** After something failed for want of room: look now, not at the next tick. */
  refresh(): void {
    try {
      this.last = this.options.ballast.look(this.options.reserve)
    } catch {
      // Not for want of room: whoever writes meets it too, and what it knew last goes on counting.
    }
  }

  stop(): void {
    clearInterval(this.timer)
  }
}
