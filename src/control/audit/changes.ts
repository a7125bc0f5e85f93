/** What a record changed: what it was, and what it became. */
import type { Event, EventOf } from '../../journal/events.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { writtenExtents } from '../../journal/written-extents.ts'
import type { InodeBefore } from '../../projections/audit-context.ts'
import type { BlockContext } from './block-context.ts'

/** Absent `old`: there was nothing. Absent `new`: there is nothing any more. */
export interface Change {
  readonly old?: unknown
  readonly new?: unknown
}

export type Changes = Record<string, Change>

/** `replaced`: the inode that was where something was renamed to. */
export function addChanges(into: Changes, record: JournalRecord, context: BlockContext): void {
  const { events } = record
  const renamed = events.some(({ type }) => type === 'EntryRenamed')
  for (const event of events) {
    if (event.type !== 'EntryUnlinked') addEvent(into, event, context)
    else if (renamed) into['replaced'] = { old: event.ino }
  }
}

/** The octal digits that chmod takes. */
const octal = (mode: number): string => mode.toString(8).padStart(4, '0')

type Time = { readonly sec: number; readonly nsec: number }

const timeText = ({ sec, nsec }: Time): string =>
  `${new Date(sec * 1000).toISOString().slice(0, 19)}.${String(nsec).padStart(9, '0')}Z`

function addEvent(into: Changes, event: Event, context: BlockContext): void {
  switch (event.type) {
    case 'FileCreated':
    case 'DirectoryCreated':
    case 'SymlinkCreated':
    case 'SpecialFileCreated':
      into['mode'] = { new: octal(event.mode) }
      into['uid'] = { new: event.uid }
      into['gid'] = { new: event.gid }
      if (event.type === 'SymlinkCreated') into['target'] = { new: textOf(event.target) }
      break
    case 'AttributesChanged':
      addAttributes(into, event, context.before(event.ino))
      break
    case 'ContentChanged':
    case 'ContentCut':
      into['size'] = { ...old(context.before(event.ino)?.size), new: event.size }
      if (event.mode !== undefined) {
        into['mode'] = { ...old(mode(context.before(event.ino))), new: octal(event.mode) }
      }
      break
    case 'AccessTimeChanged':
      if (event.atime !== undefined) into['atime'] = { new: timeText(event.atime) }
      break
    default:
      addControl(into, event, context.settingBefore())
  }
}

const old = (value: unknown): Change => (value === undefined ? {} : { old: value })

const mode = (before: InodeBefore | undefined): string | undefined => before && octal(before.mode)

function addAttributes(
  into: Changes,
  event: EventOf<'AttributesChanged'>,
  before: InodeBefore | undefined,
): void {
  const { uid, gid, atime, mtime } = event
  if (event.mode !== undefined) into['mode'] = { ...old(mode(before)), new: octal(event.mode) }
  if (uid !== undefined) into['uid'] = { ...old(before?.uid), new: uid }
  if (gid !== undefined) into['gid'] = { ...old(before?.gid), new: gid }
  if (atime !== undefined) into['atime'] = { new: timeText(atime) }
  if (mtime !== undefined) into['mtime'] = { new: timeText(mtime) }
}

function addControl(into: Changes, event: Event, before: unknown): void {
  switch (event.type) {
    case 'ShareCreated':
      addOptions(into, event.options, undefined)
      into['mode'] = { new: octal(event.mode) }
      into['uid'] = { new: event.uid }
      into['gid'] = { new: event.gid }
      break
    case 'ShareForked':
      addOptions(into, event.options, undefined)
      into['base'] = { new: `record ${event.seq} of share ${event.base}` }
      break
    case 'ShareOptionsChanged':
      addOptions(into, event.options, before as EventOf<'ShareOptionsChanged'>['options'])
      break
    case 'LabelSet':
      into['moment'] = { ...old(before), new: event.seq }
      break
    case 'HoldPlaced':
    case 'PastForgotten':
      into['moment'] = { new: event.seq }
      break
    case 'LabelRemoved':
    case 'HoldReleased':
      into['moment'] = old(before)
      break
    case 'UserCreated': {
      const { uid, name, gid, gids } = event
      into['user'] = { ...old(before), new: { uid, name, gid, gids } }
      break
    }
    case 'GroupCreated':
      into['group'] = { ...old(before), new: { gid: event.gid, name: event.name } }
      break
    case 'UserDeleted':
      into['user'] = old(before)
      break
    case 'GroupDeleted':
      into['group'] = old(before)
      break
    case 'EpochClaimed':
      into['epoch'] = { new: event.epoch }
      into['owner'] = { new: event.owner }
      break
    default:
  }
}

function addOptions(
  into: Changes,
  options: Readonly<Record<string, unknown>>,
  before: Readonly<Record<string, unknown>> | undefined,
): void {
  for (const [name, value] of Object.entries(options)) {
    into[name] = { ...old(before?.[name]), new: value }
  }
}

const textOf = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8')

/** Offset and length of each piece that was written; neighbours count as one. */
export function rangesOf({ command, events }: JournalRecord): [number, number][] | undefined {
  const ranges: [number, number][] = []
  for (const event of events) {
    if (event.type !== 'ContentChanged') continue
    for (const { offset, length, block } of writtenExtents(command, event)) {
      const last = ranges.at(-1)
      if (block === '') continue
      if (last !== undefined && last[0] + last[1] === offset) last[1] += length
      else ranges.push([offset, length])
    }
  }
  return ranges.length === 0 ? undefined : ranges
}
