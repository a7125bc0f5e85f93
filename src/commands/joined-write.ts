/**
 * Small writes of one client to one file that arrive together make one record: what follows a
 * record from it (the row of the inode and its past, the frame's entry, the audit's line) is then
 * done once for all of them. docs/decisions/joined-writes.md.
 */
import { commandCodes } from '../journal/command-names.ts'
import type { Event, EventOf } from '../journal/events.ts'
import type { Extent } from '../journal/fields.ts'
import type { JournalRecord, Origin } from '../journal/record.ts'
import { EXTENTS_PER_RECORD } from '../platform/limits.ts'

export type ContentChanged = EventOf<'ContentChanged'>

/** Of a record that has not left yet: nobody else has it, and it may still say more. */
interface OpenContent {
  size: number
  readonly extents: Extent[]
}

/** `event`, when it is all that a plain write of now has changed: others stand for themselves. */
export function plainWrite(events: readonly Event[]): ContentChanged | undefined {
  const [event] = events
  if (event === undefined || events.length > 1 || event.type !== 'ContentChanged') return undefined
  const { mode, mtime, ctime } = event
  return mode === undefined && mtime === undefined && ctime === undefined ? event : undefined
}

/**
 * Has `record`, which must not have left, say what `event` has written too. False when that must be
 * a record of its own. Extents stay ascending and without overlap, so that their order says
 * nothing.
 */
export function joinWrite(
  record: JournalRecord,
  share: number,
  event: ContentChanged,
  origin: Origin,
): boolean {
  if (record.command !== commandCodes.WriteContent || record.share !== share) return false
  if (record.refusal !== 0 || !sameOrigin(record.origin, origin)) return false
  const before = plainWrite(record.events)
  if (before === undefined || before.ino !== event.ino || before.content !== event.content) {
    return false
  }
  if (!mayMerge(before.extents, event.extents)) return false
  // In place: with fifty writes to a record, copies would be most of what a write allocates.
  const open = before as unknown as OpenContent
  for (const extent of event.extents) insert(open.extents, extent)
  open.size = event.size
  return true
}

/** Retransmissions are told by a checksum, and writes have none. */
const sameOrigin = (a: Origin, b: Origin): boolean =>
  a.client === b.client &&
  a.uid === b.uid &&
  a.gid === b.gid &&
  a.op === b.op &&
  a.checksum === 0 &&
  b.checksum === 0 &&
  a.actor === undefined &&
  b.actor === undefined

/** Whether none overlap, and they are not too many. */
function mayMerge(some: readonly Extent[], more: readonly Extent[]): boolean {
  if (some.length + more.length > EXTENTS_PER_RECORD) return false
  for (const extent of more) {
    const at = placeOf(some, extent.offset)
    const left = some[at - 1]
    const right = some[at]
    if (left !== undefined && left.offset + left.length > extent.offset) return false
    if (right !== undefined && right.offset < extent.offset + extent.length) return false
  }
  return true
}

/** How many begin before `offset`. */
function placeOf(extents: readonly Extent[], offset: number): number {
  let [low, high] = [0, extents.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((extents[middle] as Extent).offset < offset) low = middle + 1
    else high = middle
  }
  return low
}

function insert(extents: Extent[], extent: Extent): void {
  let at = extents.length
  extents.push(extent)
  for (; at > 0 && (extents[at - 1] as Extent).offset > extent.offset; at--) {
    extents[at] = extents[at - 1] as Extent
  }
  extents[at] = extent
}
