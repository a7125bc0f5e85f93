/**
 * Goes through the journal block by block, newest or oldest first, and skips blocks whose filter
 * says that what is asked for is not in them. Takes bounded steps: whoever wants more asks again.
 */
import { type Frame, lastSeq, recordsOf } from '../../journal/frame.ts'
import type { LmdbJournal } from '../../journal/lmdb.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { unpackContext } from '../../projections/audit-context.ts'
import {
  AUDIT_CONTEXTS,
  AUDIT_FILTERS,
  BLOCK_RECORDS,
  blockKey,
  blockOf,
  firstOfBlock,
} from '../../projections/audit-index.ts'
import { filterHas } from '../../projections/block-filter.ts'
import { copyRow } from '../../projections/row-codec.ts'
import type { Store, StoreMap } from '../../store/store.ts'
import { BlockContext } from './block-context.ts'
import { cefLine } from './cef.ts'
import { keyGroups, recordMatches, subjectMatches } from './criteria.ts'
import { entryOf, tell } from './entry.ts'
import type { AuditQuery } from './query.ts'

/** A step ends behind a block when it has found so much, or taken so long. */
const TEXT_MAX = 128 * 1024
const STEP_MILLIS = 40
/** Filters are tested so fast that the clock is looked at now and then only. */
const CLOCK_BLOCKS = 256
/** How long what the index knows of may be on its way to the journal's files. */
const ARRIVAL_MILLIS = 5000
const ARRIVAL_STEP_MILLIS = 10

export interface Step {
  readonly query: AuditQuery
  /** The record to go on with, as the step before said. */
  readonly at: number
  /** Entries that are wanted. */
  readonly limit: number
}

export interface Found {
  /** Entries, a line each. */
  readonly text: string
  readonly count: number
  /** Where to go on; undefined: there is no more. */
  readonly next: number | undefined
  /** Blocks whose records were read, for figures. */
  readonly blocksRead: number
}

interface Lines {
  readonly lines: string[]
  length: number
}

/** Frames that were read last: a block's records are mostly in few. */
const FRAMES_KEPT = 4

export class AuditScan {
  private readonly journal: LmdbJournal
  private readonly store: Store
  private readonly filters: StoreMap
  private readonly contexts: StoreMap
  private frames: { readonly frame: Frame; readonly records: readonly JournalRecord[] }[] = []

  constructor(journal: LmdbJournal, store: Store) {
    this.journal = journal
    this.store = store
    this.filters = store.map(AUDIT_FILTERS)
    this.contexts = store.map(AUDIT_CONTEXTS)
  }

  async step({ query, at, limit }: Step): Promise<Found> {
    this.store.refresh()
    this.journal.poke()
    // Finds segments that were begun since.
    const { seq: stored } = await this.journal.tail()
    if (stored < query.to) await this.arrived(query.to)
    const groups = keyGroups(query.criteria)
    const found: Lines = { lines: [], length: 0 }
    const started = performance.now()
    let [block, blocks, blocksRead] = [blockOf(at), 0, 0]
    const last = blockOf(query.newestFirst ? query.from : query.to)
    const way = query.newestFirst ? -1 : 1
    for (; (last - block) * way >= 0; block += way) {
      blocks += 1
      if (this.mayHold(block, groups)) {
        blocksRead += 1
        this.read(block, query, limit, found)
      } else if (blocks % CLOCK_BLOCKS !== 0) {
        continue
      }
      if (found.lines.length >= limit) break
      if (found.length < TEXT_MAX && performance.now() - started < STEP_MILLIS) continue
      return { ...ended(found), next: edge(block + way, way), blocksRead }
    }
    return { ...ended(found), next: undefined, blocksRead }
  }

  /** Frames become durable before they are where this thread reads them. */
  private async arrived(seq: number): Promise<void> {
    for (let waited = 0; waited < ARRIVAL_MILLIS; waited += ARRIVAL_STEP_MILLIS) {
      await new Promise((resolve) => setTimeout(resolve, ARRIVAL_STEP_MILLIS))
      this.journal.poke()
      if ((await this.journal.tail()).seq >= seq) return
    }
    throw new Error(`the journal has no record ${seq}`)
  }

  private mayHold(block: number, groups: readonly (readonly number[])[]): boolean {
    const row = this.filters.get(blockKey(block))
    if (row === undefined) throw new Error(`the audit's index has no block ${block}`)
    // The view is longer than the row.
    const filter = row.subarray(0, row.length)
    return groups.every((keys) => keys.some((key) => filterHas(filter, key)))
  }

  private read(block: number, query: AuditQuery, limit: number, found: Lines): void {
    const row = this.contexts.get(blockKey(block))
    if (row === undefined) throw new Error(`the audit's index has no context of block ${block}`)
    const context = new BlockContext(unpackContext(copyRow(row)))
    const first = firstOfBlock(block)
    const end = Math.min(first + BLOCK_RECORDS - 1, query.to)
    const lines: string[] = []
    for (let seq = first; seq <= end; seq++) {
      const record = this.record(seq)
      context.advance(record)
      if (seq < query.from || !recordMatches(record, context, query)) continue
      const told = tell(record, context)
      if (!subjectMatches(told, query.criteria)) continue
      const entry = entryOf(told)
      lines.push(query.format === 'cef' ? cefLine(entry) : JSON.stringify(entry))
      if (!query.newestFirst && found.lines.length + lines.length === limit) break
    }
    if (query.newestFirst) lines.reverse()
    for (const line of lines) {
      if (found.lines.length === limit) return
      found.lines.push(line)
      found.length += line.length
    }
  }

  private record(seq: number): JournalRecord {
    for (const { frame, records } of this.frames) {
      const record = records[seq - frame.firstSeq]
      if (record !== undefined) return record
    }
    const frame = this.journal.frameAt(seq)
    if (frame === undefined) throw new Error(`the journal has no record ${seq}`)
    if (seq > lastSeq(frame)) throw new Error(`the journal ends before record ${seq}`)
    const records = recordsOf(frame)
    this.frames.unshift({ frame, records })
    this.frames.length = Math.min(this.frames.length, FRAMES_KEPT)
    return records[seq - frame.firstSeq] as JournalRecord
  }
}

/** The record of a block that comes first. */
const edge = (block: number, way: number): number =>
  way > 0 ? firstOfBlock(block) : firstOfBlock(block + 1) - 1

const ended = ({ lines }: Lines): { readonly text: string; readonly count: number } => ({
  text: lines.length === 0 ? '' : `${lines.join('\n')}\n`,
  count: lines.length,
})
