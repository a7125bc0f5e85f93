/**
 * Whether every block is there that a file needs, as it is now or as it was at a moment that
 * retention covers; and which files, at which moments, those are that miss one.
 */
import type { BlockIndex } from '../../content/block-index.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import { inoOf, nodeId, shareOf } from '../../projections/node-id.ts'
import { fromOfPastKey } from '../../projections/row-codec.ts'
import { tableSpecs } from '../../projections/rows.ts'
import { pathOf } from '../../projections/tree-view.ts'
import type { World } from '../../projections/world.ts'
import { type Finding, Limited, type OnFinding, type Progress } from './finding.ts'
import { utf8 } from './node-name.ts'
import { numberOfKey, storedRows } from './stored-rows.ts'

/** A range of a content that cannot be read, and from which record until which. */
interface Missing {
  readonly block: string
  readonly offset: number
  readonly length: number
  readonly from: number
  /** Infinity: it is so now. */
  readonly until: number
}

export interface NamedContentOptions {
  /** With nothing in memory that its store does not know. */
  readonly world: World
  /** Blocks that are whole. */
  readonly sound: BlockIndex
  /** The last record of a share whose moments are not kept. */
  readonly horizon: (share: number) => number
  /** Of blocks that are damaged: where. */
  readonly damaged: ReadonlyMap<string, string>
  readonly onFinding: OnFinding
  readonly progress: Progress
  /** Of each extent whose block is whole. */
  readonly onNeeded?: (id: string) => void
}

const specs = tableSpecs(0)
const PROGRESS_ROWS = 10_000
/** Remembered one by one: of more than these only the number is told. */
const MISSING_MAX = 20_000

export class NamedContentCheck {
  private readonly options: NamedContentOptions
  /** By content: what is not readable of it. */
  private readonly missing = new Map<number, Missing[]>()
  private readonly needed = new Set<string>()
  private extents = 0
  private count = 0

  constructor(options: NamedContentOptions) {
    this.options = options
  }

  /** Returns the number of extents looked at. */
  run(): number {
    const { world } = this.options
    for (const { group, key, seq, value } of storedRows(world.store, specs.extents)) {
      if (this.isPruned(group)) continue
      this.extent(group, numberOfKey(key), value, seq, Infinity)
    }
    for (const { group, key, seq, value } of storedRows(world.store, specs.extents, true)) {
      if (seq <= this.options.horizon(shareOf(group)) || this.isPruned(group)) continue
      this.extent(group, numberOfKey(key), value, fromOfPastKey(key), seq)
    }
    this.name()
    return this.extents
  }

  private isPruned(content: number): boolean {
    const { world, horizon } = this.options
    const share = world.control.shares.get(shareOf(content))
    const forgotten = horizon(shareOf(content))
    if (share === undefined || (share.deleted !== 0 && share.deleted <= forgotten)) return true
    const grave = world.graves.get(content, 0)
    return grave !== undefined && grave.since <= forgotten
  }

  private extent(
    content: number,
    offset: number,
    { block, length }: { readonly block: string; readonly length: number },
    from: number,
    until: number,
  ): void {
    const { sound, progress, onNeeded } = this.options
    this.extents += 1
    if (this.extents % PROGRESS_ROWS === 0) progress('extents', this.extents)
    if (block === '') return
    if (sound.get(block) !== undefined) {
      onNeeded?.(block)
      return
    }
    this.count += 1
    if (this.count > MISSING_MAX) return
    this.needed.add(block)
    const list = this.missing.get(content) ?? []
    if (list.length === 0) this.missing.set(content, list)
    list.push({ block, offset, length, from, until })
  }

  /** One pass over all inodes there are and were, to find whose content it is. */
  private name(): void {
    if (this.missing.size === 0) return
    const { world, onFinding } = this.options
    const limited = new Limited(onFinding, 1000)
    const named = new Set<number>()
    for (const past of [false, true]) {
      for (const row of storedRows(world.store, specs.inodes, past)) {
        const { group, key, seq, value } = row
        if (value.kind !== fileKind.regular) continue
        const content = nodeId(value.contentShare || shareOf(group), value.content)
        const missing = this.missing.get(content)
        if (missing === undefined) continue
        const from = past ? fromOfPastKey(key) : seq
        if (this.version(limited, group, value, from, past ? seq : Infinity, missing)) {
          named.add(content)
        }
      }
    }
    for (const [content, missing] of this.missing) {
      if (!named.has(content)) limited.add(this.finding(missing, undefined))
    }
    limited.end('content')
    if (this.count > MISSING_MAX) {
      const what = `${this.count - MISSING_MAX} more places in files need blocks that are not there`
      onFinding({ area: 'content', where: 'content', what })
    }
  }

  /** A file as it was from one record to another, and is perhaps now. */
  private version(
    limited: Limited,
    id: number,
    inode: Inode,
    from: number,
    until: number,
    all: readonly Missing[],
  ): boolean {
    const { contentShare, contentSeq, size } = inode
    const missing = all
      .filter((m) => m.offset < size)
      .filter((m) =>
        // A fork reads its base as of one moment, whatever came later.
        contentShare === 0
          ? m.from < until && m.until > from
          : m.from <= contentSeq && m.until > contentSeq,
      )
    if (missing.length === 0) return false
    const since =
      contentShare === 0 ? Math.max(from, Math.min(...missing.map((m) => m.from))) : from
    const end =
      contentShare === 0 ? Math.min(until, Math.max(...missing.map((m) => m.until))) : until
    limited.add(this.finding(missing, { id, since, end }))
    return true
  }

  private finding(
    missing: readonly Missing[],
    of: { readonly id: number; readonly since: number; readonly end: number } | undefined,
  ): Finding {
    const { damaged } = this.options
    const [first] = missing as [Missing]
    const id = hex(first.block)
    const where = damaged.get(first.block) ?? 'in no segment'
    const more = new Set(missing.map(({ block }) => block)).size - 1
    const what = `block ${id} is ${damaged.has(first.block) ? 'damaged' : 'missing'}`
    return {
      area: 'content',
      where,
      what: more === 0 ? what : `${what}, and ${more} more of the same file`,
      means:
        of === undefined ? 'Nobody can reach the file that needs it.' : this.means(missing, of),
    }
  }

  private means(
    missing: readonly Missing[],
    { id, since, end }: { readonly id: number; readonly since: number; readonly end: number },
  ): string {
    const bytes = missing.slice(0, 3).map((m) => `${m.offset}-${m.offset + m.length - 1}`)
    if (missing.length > bytes.length) bytes.push('…')
    const { world } = this.options
    const share = shareOf(id)
    const now = end === Infinity
    const view = now ? world.live(share) : world.asOf(share, since)
    const path = pathOf(view, inoOf(id))
    const label = world.control.shares.get(share)?.name ?? `share ${share}`
    const file = path === undefined ? `${label} (inode ${inoOf(id)})` : `${label}${utf8(path)}`
    const when = now ? `from record ${since} until now` : `in records ${since} to ${end - 1}`
    return `Bytes ${bytes.join(', ')} of ${file} give an I/O error, as they were ${when}.`
  }

  /** Whether somebody misses a block. */
  isNeeded(id: string): boolean {
    return this.needed.has(id)
  }
}

const hex = (id: string): string => Buffer.from(id, 'latin1').toString('hex')
