/** How far the past of each share reaches: what retention, holds and forks together say. */
import { Bloom } from '../content/bloom.ts'
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
  readonly pause: () => Promise<void>
}

/** The last record of each share that need not be readable as of any more. */
export type Horizons = ReadonlyMap<number, number>

/** One block in a hundred is taken for live, up to ten million blocks. */
const FILTER_BYTES = 16 * MiB

export class Retention {
  private readonly options: RetentionOptions

  constructor(options: RetentionOptions) {
    this.options = options
  }

  /** Where they should be, holds and forks left aside. */
  async wanted(now: Instant): Promise<Horizons> {
    const { world, lastSeqAt } = this.options
    const horizons = new Map<number, number>()
    for (const { id, options } of world.control.shares.values()) {
      const since = instantOfMillis(Math.max(0, millisOf(now) - options.retain * 1000))
      horizons.set(id, Math.min(await lastSeqAt(since), world.stored.seq))
    }
    await this.limitBytes(horizons)
    return horizons
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

  /** What may be forgotten of that, as holds and forks are now. */
  allowed(wanted: Horizons): (share: number) => number {
    const { world } = this.options
    const horizons = new Map<number, number>()
    for (const { id, holds } of world.control.shares.values()) {
      const held = Math.min(...Object.values(holds)) - 1
      horizons.set(id, Math.min(wanted.get(id) ?? 0, held))
    }
    this.pinBases(horizons)
    // The control plane is remembered for as long as any share is.
    const least = Math.min(...horizons.values(), world.stored.seq)
    return (share) => Math.min(world.stored.seq, horizons.get(share) ?? least)
  }

  /** A fork needs its base as of the moment it began at, for as long as it is there itself. */
  private pinBases(horizons: Map<number, number>): void {
    const shares = [...this.options.world.control.shares.values()].sort((a, b) => b.id - a.id)
    // A base is older than its forks, so each share's horizon is settled when its turn comes.
    for (const { id, deleted, base } of shares) {
      const gone = deleted !== 0 && deleted <= (horizons.get(id) ?? 0)
      if (gone || base === undefined) continue
      horizons.set(base.share, Math.min(horizons.get(base.share) ?? base.seq, base.seq))
    }
  }
}
