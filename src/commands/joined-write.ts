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

/** `event`, when it is all that a plain write of now has changed: others stand for themselves. */
export function plainWrite(events: readonly Event[]): ContentChanged | undefined {
  const [event] = events
  if (event === undefined || events.length > 1 || event.type !== 'ContentChanged') return undefined
  const { mode, mtime, ctime } = event
  return mode === undefined && mtime === undefined && ctime === undefined ? event : undefined
}

/**
 * The event of `record` with what `event` has written too; undefined when that must be a record of
 * its own. Extents stay ascending and without overlap, so that their order says nothing.
 */
export function joinedWrite(
  record: JournalRecord,
  share: number,
  event: ContentChanged,
  origin: Origin,
): ContentChanged | undefined {
  if (record.command !== commandCodes.WriteContent || record.share !== share) return undefined
  if (record.refusal !== 0 || !sameOrigin(record.origin, origin)) return undefined
  const before = plainWrite(record.events)
  if (before === undefined || before.ino !== event.ino || before.content !== event.content) {
    return undefined
  }
  const extents = merged(before.extents, event.extents)
  return extents && { ...before, size: event.size, extents }
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

/** Undefined when some overlap, or they are too many. */
function merged(some: readonly Extent[], more: readonly Extent[]): readonly Extent[] | undefined {
  if (some.length + more.length > EXTENTS_PER_RECORD) return undefined
  const all = some.slice()
  for (const extent of more) {
    let at = all.length
    while (at > 0 && (all[at - 1] as Extent).offset >= extent.offset) at -= 1
    const [left, right] = [all[at - 1], all[at]]
    if (left !== undefined && left.offset + left.length > extent.offset) return undefined
    if (right !== undefined && right.offset < extent.offset + extent.length) return undefined
    all.splice(at, 0, extent)
  }
  return all
}
