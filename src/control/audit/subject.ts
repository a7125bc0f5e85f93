/** What a record was about: paths in the server's name space, as they were, or what it calls it. */
import { commandCodes } from '../../journal/command-names.ts'
import type { Event } from '../../journal/events.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { namesIn } from '../../projections/audit-keys.ts'
import type { BlockContext } from './block-context.ts'

export interface Subject {
  readonly share: string | undefined
  /** Bytes as a string. */
  readonly path: string | undefined
  readonly to: string | undefined
  /** 0: none. */
  readonly inode: number
  readonly object: string | undefined
}

type Part = Partial<Subject>

const NOTHING: Subject = {
  share: undefined,
  path: undefined,
  to: undefined,
  inode: 0,
  object: undefined,
}

export function subjectOf(record: JournalRecord, context: BlockContext): Subject {
  const { share, events } = record
  const main = mainOf(events)
  const part = main === undefined ? asked(record, context) : eventSubject(share, main, context)
  const name = part.share ?? (share === 0 ? undefined : context.shareName(share))
  return { ...NOTHING, ...part, share: name }
}

/** A rename may take the place of something: that it is a rename matters more. */
function mainOf(events: readonly Event[]): Event | undefined {
  return events.find(({ type }) => type === 'EntryRenamed') ?? events[0]
}

const bytesOf = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** A path as it was asked for, as others are written. */
const tidied = (path: string): string => `/${namesIn(path).join('/')}`

function eventSubject(share: number, event: Event, context: BlockContext): Part {
  switch (event.type) {
    case 'FileCreated':
    case 'DirectoryCreated':
    case 'SymlinkCreated':
    case 'SpecialFileCreated':
    case 'EntryLinked':
    case 'EntryUnlinked':
      return { path: context.entryPath(share, event.dir, event.name), inode: event.ino }
    case 'EntryRenamed': {
      const path = context.entryPath(share, event.fromDir, event.fromName)
      const to = context.entryPath(share, event.toDir, event.toName)
      return { path, to, inode: event.ino }
    }
    case 'InodeFreed':
    case 'AttributesChanged':
    case 'ContentChanged':
    case 'ContentCut':
    case 'ContentSwept':
    case 'AccessTimeChanged':
      return { path: context.path(share, event.ino), inode: event.ino }
    case 'ShareCreated':
    case 'ShareForked':
    case 'ShareOptionsChanged':
    case 'ShareDeleted':
      return ofShare(context.shareName(event.share))
    case 'LabelSet':
    case 'LabelRemoved':
      return { ...ofShare(context.shareName(event.share)), object: `label ${event.label}` }
    case 'HoldPlaced':
    case 'HoldReleased':
      return { ...ofShare(context.shareName(event.share)), object: `hold ${event.hold}` }
    case 'PastForgotten':
      return { ...ofShare(context.shareName(event.share)), object: 'past' }
    case 'ShareMounted':
    case 'ShareUnmounted':
      return event.path === '' ? { object: 'everything' } : { path: tidied(event.path) }
    default:
      return { object: objectOf(event, context) }
  }
}

const ofShare = (name: string | undefined): Part =>
  name === undefined ? {} : { share: name, path: bytesOf(name) }

type Objects =
  | 'UserCreated'
  | 'UserDeleted'
  | 'GroupCreated'
  | 'GroupDeleted'
  | 'ClientSeen'
  | 'ClientForgotten'
  | 'EpochClaimed'
  | 'HandleKeyCreated'

function objectOf(event: Extract<Event, { type: Objects }>, context: BlockContext): string {
  switch (event.type) {
    case 'UserCreated':
      return `user ${event.name}`
    case 'GroupCreated':
      return `group ${event.name}`
    case 'UserDeleted':
      return `user ${nameIn(context.settingBefore()) ?? event.uid}`
    case 'GroupDeleted':
      return `group ${nameIn(context.settingBefore()) ?? event.gid}`
    case 'ClientSeen':
      return `client ${event.address}`
    case 'ClientForgotten':
      return `client ${context.address(event.client) ?? event.client}`
    case 'EpochClaimed':
      return 'journal'
    case 'HandleKeyCreated':
      return 'key of file handles'
  }
}

const nameIn = (row: unknown): string | undefined => (row as { name?: string } | undefined)?.name

/** What the names in commands that were refused are of. */
const named = new Map<number, string>([
  [commandCodes.CreateUser, 'user'],
  [commandCodes.DeleteUser, 'user'],
  [commandCodes.CreateGroup, 'group'],
  [commandCodes.DeleteGroup, 'group'],
  [commandCodes.SetLabel, 'label'],
  [commandCodes.RemoveLabel, 'label'],
  [commandCodes.PlaceHold, 'hold'],
  [commandCodes.ReleaseHold, 'hold'],
])

/** Of a record that changed nothing. */
function asked({ share, about, command }: JournalRecord, context: BlockContext): Part {
  if (about === undefined) return {}
  const { ino, dir, name, toDir, toName } = about
  if (dir !== 0) {
    const path = context.entryPath(share, dir, name)
    const to = toDir === 0 ? undefined : context.entryPath(share, toDir, toName)
    return { path, to, inode: ino }
  }
  if (name === '') return { path: context.path(share, ino), inode: ino }
  const kind = named.get(command)
  if (kind === undefined) return { path: tidied(name) }
  const of = share === 0 ? {} : ofShare(context.shareName(share))
  return { ...of, object: `${kind} ${Buffer.from(name, 'latin1').toString('utf8')}` }
}
