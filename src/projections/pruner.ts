/**
 * Forgets what retention does not cover any more: past versions of rows, extent maps of files that
 * are gone, and shares that were deleted. Not part of the state: two stores of the same journal may
 * have forgotten different amounts, and have the same digest.
 */

import { fault } from '../platform/fault.ts'
import type { Store, StoreEntry } from '../store/store.ts'
import { nodeId, shareOf } from './node-id.ts'
import { groupOfKey, putGroup, seqOfRow } from './row-codec.ts'
import type { Erased, World } from './world.ts'

export interface Pruned extends Erased {
  /** Past versions forgotten. */
  versions: number
  readonly contents: number[]
  readonly shares: number[]
  /** Rows looked at. */
  scanned: number
}

/** The last record of a share that need not be readable as of any more. */
type Horizon = (share: number) => number

const CHUNK = 2000
const LIVE_MAPS = [
  'inodes',
  'entries',
  'listings',
  'links',
  'extents',
  'graves',
  'remains',
  'usage',
] as const
const PAST_MAPS = ['inodes@', 'entries@', 'listings@', 'links@', 'extents@', 'control@'] as const
const START = Buffer.alloc(1)
const END = Buffer.alloc(300, 0xff)

export class Pruner {
  private readonly world: World
  private readonly store: Store
  /** Between two bounded pieces of work: sets the rate. */
  private readonly pause: () => Promise<void>

  constructor(world: World, pause: () => Promise<void>) {
    this.world = world
    this.store = world.store
    this.pause = pause
  }

  /** One round over everything that the journal says is forgotten. */
  async prune(): Promise<Pruned> {
    const pruned: Pruned = { versions: 0, contents: [], shares: [], scanned: 0 }
    const horizon: Horizon = (share) => this.world.horizon(share)
    fault('prune.horizons')
    await this.pruneShares(horizon, pruned)
    for (const map of PAST_MAPS) await this.pruneMap(map, horizon, pruned)
    await this.pruneGraves(horizon, pruned)
    this.world.erase(pruned)
    return pruned
  }

  private async pruneMap(map: string, horizon: Horizon, pruned: Pruned): Promise<void> {
    let from: Buffer | undefined = START
    while (from !== undefined) {
      const rows = this.chunk(map, from, END)
      const over = rows.filter(
        ({ key, value }) => seqOfRow(value) <= horizon(shareOf(groupOfKey(key))),
      )
      this.remove(map, over)
      pruned.versions += over.length
      pruned.scanned += rows.length
      const last: Buffer | undefined = rows.length === CHUNK ? rows.at(-1)?.key : undefined
      // Right behind it: no key is followed by nothing but a zero byte.
      from = last && Buffer.concat([last, Buffer.alloc(1)])
      await this.pause()
    }
  }

  private chunk(map: string, from: Buffer, to: Buffer): StoreEntry[] {
    this.store.refresh()
    const rows: StoreEntry[] = []
    for (const row of this.store.map(map).range(from, to)) {
      rows.push(row)
      if (rows.length === CHUNK) break
    }
    return rows
  }

  private remove(map: string, rows: readonly StoreEntry[]): void {
    if (rows.length === 0) return
    this.store.commit((writer) => {
      for (const { key } of rows) writer.remove(map, key)
    })
    fault('prune.rows')
  }

  /** Extent maps whose file was removed or emptied before the horizon. */
  private async pruneGraves(horizon: Horizon, pruned: Pruned): Promise<void> {
    let from: Buffer | undefined = START
    while (from !== undefined) {
      const rows = this.chunk('graves', from, END)
      for (const { key } of rows) {
        const content = groupOfKey(key)
        const since = this.world.graves.get(content, 0)?.since
        if (since === undefined || since > horizon(shareOf(content))) continue
        await this.removeGroups('extents', content, content + 1)
        await this.removeGroups('extents@', content, content + 1)
        this.remove('graves', [{ key, value: key }])
        pruned.contents.push(content)
      }
      const last: Buffer | undefined = rows.length === CHUNK ? rows.at(-1)?.key : undefined
      from = last && Buffer.concat([last, Buffer.alloc(1)])
      await this.pause()
    }
  }

  private async pruneShares(horizon: Horizon, pruned: Pruned): Promise<void> {
    for (const { id, deleted } of this.world.control.shares.values()) {
      if (deleted === 0 || deleted > horizon(id)) continue
      const [first, end] = [nodeId(id, 0), nodeId(id + 1, 0)]
      let some = false
      for (const map of [...LIVE_MAPS, ...PAST_MAPS]) {
        if (map !== 'control@' && (await this.removeGroups(map, first, end))) some = true
      }
      if (some) pruned.shares.push(id)
    }
  }

  /** True when there was something to remove. */
  private async removeGroups(map: string, first: number, end: number): Promise<boolean> {
    const [from, to] = [Buffer.alloc(8), Buffer.alloc(8)]
    putGroup(from, first)
    putGroup(to, end)
    for (let some = false; ; some = true) {
      const rows = this.chunk(map, from, to)
      this.remove(map, rows)
      if (rows.length < CHUNK) return some || rows.length > 0
      await this.pause()
    }
  }
}
