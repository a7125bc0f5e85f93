/** How far the past of each share reaches: what retention, holds and forks together say. */
import { Bloom } from '../content/bloom.ts'
import { commandCodes } from '../journal/command-names.ts'
import { type Frame, recordsOf } from '../journal/frame.ts'
import { type Instant, instantOfMillis, millisOf } from '../platform/clock.ts'
import { MiB } from '../platform/limits.ts'
import type { Store } from '../store/store.ts'
import { PastBlocks } from './past-blocks.ts'
import type { World } from './world.ts'

export interface RetentionOptions {
  readonly world: World
  readonly store: Store
  /** The last record that is not later than a moment. */
  readonly lastSeqAt: (moment: Instant) => Promise<number>
  /** From a record on. */
  readonly frames: (from: number) => AsyncIterable<Frame>
  readonly pause: () => Promise<void>
}

/** The last record of each share that need not be readable as of any more. */
export type Horizons = ReadonlyMap<number, number>

/** One block in a hundred is taken for live, up to ten million blocks. */
const FILTER_BYTES = 16 * MiB
/** Records that are few enough to be looked at. */
const LOOKED_AT = 1000

export class Retention {
  private readonly options: RetentionOptions

  constructor(options: RetentionOptions) {
    this.options = options
  }

  /** Where they should be, holds and forks left aside, of shares whose past goes too far back. */
  async wanted(now: Instant): Promise<Horizons> {
    const { world, lastSeqAt } = this.options
    const horizons = new Map<number, number>()
    for (const { id, options } of world.control.shares.values()) {
      const since = instantOfMillis(Math.max(0, millisOf(now) - options.retain * 1000))
      horizons.set(id, Math.min(await lastSeqAt(since), world.stored.seq))
    }
    await this.limitBytes(horizons)
    for (const [id, seq] of horizons) {
      if (!(await this.isMore(world.horizon(id), seq))) horizons.delete(id)
    }
    return horizons
  }

  /**
   * Whether anything has happened between two records but that the past was forgotten, which would
   * be a reason to forget it again, for ever.
   */
  private async isMore(from: number, to: number): Promise<boolean> {
    if (to <= from) return false
    if (to - from > LOOKED_AT) return true
    for await (const frame of this.options.frames(from + 1)) {
      for (const { seq, command } of recordsOf(frame)) {
        if (seq > to) return false
        if (seq > from && command !== commandCodes.ForgetPast) return true
      }
    }
    return false
  }

  private async limitBytes(horizons: Map<number, number>): Promise<void> {
    const { world, store, pause } = this.options
    const limited = [...world.control.shares.values()].filter(
      ({ options, deleted }) => (options.retainBytes ?? 0) > 0 && deleted === 0,
    )
    if (limited.length === 0) return
    const graveOf = (content: number) => world.graves.get(content, 0)?.since ?? 0
    const blocks = new PastBlocks({ store, graveOf, pause })
    const live = Bloom.ofBytes(FILTER_BYTES)
    store.refresh()
    const now = world.stored.seq
    await blocks.addLive(live)
    for (const { id, options } of limited) {
      const floor = Math.max(horizons.get(id) ?? 0, world.horizon(id))
      const past = await blocks.of(id, live, floor, now)
      horizons.set(id, past.horizonFor(options.retainBytes ?? 0))
    }
  }
}
