/** Records that hold many accesses: which may hold what is asked for, and what one tells. */
import { aboutEntry, aboutNode } from '../../commands/decider.ts'
import { type Access, unpackAccesses } from '../../journal/access-batch.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { refusals } from '../../journal/refusal.ts'
import type { Instant } from '../../platform/clock.ts'
import { ACCESS_CONTEXTS, ACCESS_FILTERS, recordKey } from '../../projections/access-index.ts'
import { unpackContext } from '../../projections/audit-context.ts'
import { filterHas } from '../../projections/block-filter.ts'
import { copyRow, groupOfKey } from '../../projections/row-codec.ts'
import type { Store, StoreMap } from '../../store/store.ts'
import { BlockContext } from './block-context.ts'
import { recordMatches, subjectMatches } from './criteria.ts'
import { type AuditEntry, entryOf, SERVER, tell, timeText } from './entry.ts'
import { type AuditQuery, isAsked } from './query.ts'

export class AccessBlocks {
  private readonly filters: StoreMap
  private readonly contexts: StoreMap
  /** Records of which is known that none of them is one of these. */
  private gap = { from: 0, to: 0 }
  /** Filters that were tested, for who must not take too long. */
  tested = 0

  constructor(store: Store) {
    this.filters = store.map(ACCESS_FILTERS)
    this.contexts = store.map(ACCESS_CONTEXTS)
  }

  /** The store has changed. */
  refresh(): void {
    this.gap = { from: 0, to: 0 }
  }

  /** Those from `from` to `to` whose filter says that they may hold what is asked for. */
  matching(from: number, to: number, groups: readonly (readonly number[])[]): number[] {
    if (from >= this.gap.from && to <= this.gap.to) return []
    const found: number[] = []
    let none = true
    for (const { key, value } of this.filters.range(recordKey(from), recordKey(to + 1))) {
      none = false
      this.tested += 1
      const filter = value.subarray(0, value.length)
      if (groups.every((keys) => keys.some((each) => filterHas(filter, each)))) {
        found.push(groupOfKey(key))
      }
    }
    if (none) this.gap = this.around(from, to)
    return found
  }

  /** Most journals have few of them, or none: then this is all that they cost. */
  private around(from: number, to: number): { readonly from: number; readonly to: number } {
    const end = recordKey(Number.MAX_SAFE_INTEGER)
    const before = this.filters.last(recordKey(0), recordKey(from))
    const next = firstOf(this.filters.range(recordKey(to + 1), end))
    return {
      from: before === undefined ? 0 : groupOfKey(before.key) + 1,
      to: next === undefined ? to : groupOfKey(next.key) - 1,
    }
  }

  /** What a record tells of what is asked for, in order. */
  entries(record: JournalRecord, packed: Buffer, query: AuditQuery): AuditEntry[] {
    const { seq } = record
    const row = this.contexts.get(recordKey(seq))
    if (row === undefined) throw new Error(`the audit's index has no context of record ${seq}`)
    const context = new BlockContext(unpackContext(copyRow(row)))
    context.advance({ seq: 1, share: 0, events: [] })
    const { accesses, dropped } = unpackAccesses(packed, record)
    const entries: AuditEntry[] = []
    let index = 0
    const add = (each: JournalRecord, more: Partial<AuditEntry>, last?: Instant): void => {
      const at = { seq, index: index++ }
      if (!isAsked(at, query) || !recordMatches(each, context, query, last)) return
      const told = tell(each, context)
      if (subjectMatches(told, query.criteria))
        entries.push({ ...entryOf(told, at.index), ...more })
    }
    const object = 'accesses that were not recorded'
    if (dropped > 0) add(recordOfDropped(record, dropped), { object })
    for (const access of accesses) {
      const { repeated } = access
      const more = repeated && { attempts: repeated.times, last: timeText(repeated.last) }
      add(recordOfAccess(record, access), more ?? {}, repeated?.last)
    }
    return entries
  }
}

function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item
  return undefined
}

/** The record that an access would be if it had one of its own. */
function recordOfAccess(record: JournalRecord, access: Access): JournalRecord {
  const { context, sec, nsec, ino, name } = access
  const { op, client, uid, gid, share, refusal } = context
  const origin = { op, client, uid, gid, xid: 0, checksum: 0 }
  const about = name === '' ? aboutNode(ino) : aboutEntry(ino, name)
  return { ...record, sec, nsec, share, origin, refusal, about }
}

/** Stands for accesses before the record that came faster than they could be recorded. */
function recordOfDropped(record: JournalRecord, count: number): JournalRecord {
  const { origin } = record
  const actor = { address: SERVER, name: SERVER, count }
  return { ...record, refusal: refusals.delayed, origin: { ...origin, actor } }
}
