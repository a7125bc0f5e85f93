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
import { AccessBlocks } from './access-blocks.ts'
import { BlockContext } from './block-context.ts'
import { cefLine } from './cef.ts'
import { keyGroups, recordMatches, subjectMatches } from './criteria.ts'
import { type AuditEntry, entryOf, tell } from './entry.ts'
import { type AuditQuery, isAsked } from './query.ts'

/**
 * A step ends behind a block, or a record with many accesses, when it has found so much, or taken
 * so long.
 */
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
  readonly limit: number
  /** performance.now() then. */
  readonly started: number
}

interface Line {
  readonly seq: number
  readonly line: string
}

/** Of a block: the records `from` to `to`, if there are any. */
interface Part {
  readonly first: number
  readonly from: number
  readonly to: number
  /** Records with one entry each may be among what is asked for. */
  readonly whole: boolean
  /** Records that hold many accesses, those that may hold some that are asked for. */
  readonly batches: readonly number[]
  /** Filters that were tested. */
  readonly tested: number
}

/** Frames that were read last: a block's records are mostly in few. */
const FRAMES_KEPT = 4

export class AuditScan {
  private readonly journal: LmdbJournal
  private readonly store: Store
  private readonly filters: StoreMap
  private readonly contexts: StoreMap
  private readonly accesses: AccessBlocks
  private frames: { readonly frame: Frame; readonly records: readonly JournalRecord[] }[] = []

  constructor(journal: LmdbJournal, store: Store) {
    this.journal = journal
    this.store = store
    this.filters = store.map(AUDIT_FILTERS)
    this.contexts = store.map(AUDIT_CONTEXTS)
    this.accesses = new AccessBlocks(store)
  }

  async step({ query, at, limit }: Step): Promise<Found> {
    this.store.refresh()
    this.journal.poke()
    // Finds segments that were begun since.
    const { seq: stored } = await this.journal.tail()
    if (stored < query.to) await this.arrived(query.to)
    this.accesses.refresh()
    const groups = keyGroups(query.criteria)
    const found: Lines = { lines: [], length: 0, limit, started: performance.now() }
    const way = query.newestFirst ? -1 : 1
    const last = blockOf(query.newestFirst ? query.from : query.to)
    let [next, untimed, blocksRead] = [at, 0, 0]
    for (let block = blockOf(at); (last - block) * way >= 0; block += way) {
      const part = this.partOf(block, next, query, groups)
      untimed += 1 + part.tested
      next = edge(block + way, way)
      if (part.whole || part.batches.length > 0) {
        blocksRead += 1
        const rest = this.read(part, query, found)
        if (rest !== undefined) return { ...ended(found), next: rest, blocksRead }
      } else if (untimed < CLOCK_BLOCKS) {
        continue
      }
      untimed = 0
      if (found.lines.length >= limit) break
      if (isLong(found)) return { ...ended(found), next, blocksRead }
    }
    return { ...ended(found), next: undefined, blocksRead }
  }

  /** What there is to look at in a block, `at` and behind it. */
  private partOf(
    block: number,
    at: number,
    query: AuditQuery,
    groups: readonly (readonly number[])[],
  ): Part {
    const first = firstOfBlock(block)
    const end = first + BLOCK_RECORDS - 1
    const from = Math.max(first, query.from, query.newestFirst ? 0 : at)
    const to = Math.min(end, query.to, query.newestFirst ? at : end)
    const before = this.accesses.tested
    const batches = this.accesses.matching(from, to, groups)
    const tested = this.accesses.tested - before
    return { first, from, to, whole: this.mayHold(block, groups), batches, tested }
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

  /** Returns the record to go on with when there is more in the part than a step should tell. */
  private read(part: Part, query: AuditQuery, found: Lines): number | undefined {
    const { whole, batches } = part
    const { newestFirst } = query
    const plain = whole ? this.plainLines(part, query, found) : []
    const seqs = new Set([...plain.map(({ seq }) => seq), ...batches])
    const order = [...seqs].sort((a, b) => (newestFirst ? b - a : a - b))
    const lineOf = new Map(plain.map(({ seq, line }) => [seq, line]))
    for (const [i, seq] of order.entries()) {
      if (found.lines.length >= found.limit) return undefined
      const line = lineOf.get(seq)
      if (line !== undefined) {
        add(found, line)
        continue
      }
      this.addBatch(seq, query, found)
      if (i + 1 < order.length && isLong(found)) return order[i + 1]
    }
    return undefined
  }

  private addBatch(seq: number, query: AuditQuery, found: Lines): void {
    const record = this.record(seq)
    const { accesses } = record
    if (accesses === undefined) throw new Error(`record ${seq} is not what the index says`)
    const entries = this.accesses.entries(record, accesses, query)
    if (query.newestFirst) entries.reverse()
    for (const entry of entries) {
      if (found.lines.length >= found.limit) return
      add(found, lineOf(entry, query))
    }
  }

  /** Records with one entry each, in the order of the journal. */
  private plainLines({ first, from, to }: Part, query: AuditQuery, found: Lines): Line[] {
    const block = blockOf(first)
    const row = this.contexts.get(blockKey(block))
    if (row === undefined) throw new Error(`the audit's index has no context of block ${block}`)
    const context = new BlockContext(unpackContext(copyRow(row)))
    const lines: Line[] = []
    for (let seq = first; seq <= to; seq++) {
      const record = this.record(seq)
      context.advance(record)
      if (seq < from || record.accesses !== undefined) continue
      if (!isAsked({ seq, index: 0 }, query) || !recordMatches(record, context, query)) continue
      const told = tell(record, context)
      if (!subjectMatches(told, query.criteria)) continue
      lines.push({ seq, line: lineOf(entryOf(told), query) })
      if (!query.newestFirst && found.lines.length + lines.length === found.limit) break
    }
    return lines
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

function add(found: Lines, line: string): void {
  found.lines.push(line)
  found.length += line.length
}

const lineOf = (entry: AuditEntry, { format }: AuditQuery): string =>
  format === 'cef' ? cefLine(entry) : JSON.stringify(entry)

/** Whether whoever asked should hear of what was found. */
const isLong = ({ length, started }: Lines): boolean =>
  length >= TEXT_MAX || performance.now() - started >= STEP_MILLIS

/** The record of a block that comes first. */
const edge = (block: number, way: number): number =>
  way > 0 ? firstOfBlock(block) : firstOfBlock(block + 1) - 1

const ended = ({ lines }: Lines): { readonly text: string; readonly count: number } => ({
  text: lines.length === 0 ? '' : `${lines.join('\n')}\n`,
  count: lines.length,
})
