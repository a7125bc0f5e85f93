/**
 * What the change feed is made of: the journal's events that it publishes, under names that are
 * promised to consumers. A new event of the journal does not compile until it says here whether it
 * is published. docs/guide/change-feed.md has the same table, held by a test.
 */
import type { EventType } from '../../journal/events.ts'

const PREFIX = 'io.dittofs.'

/** null: the business of the audit log, not of who follows the tree. */
const published = {
  FileCreated: 'file.created',
  DirectoryCreated: 'directory.created',
  SymlinkCreated: 'symlink.created',
  SpecialFileCreated: 'special.created',
  EntryLinked: 'entry.linked',
  EntryUnlinked: 'entry.removed',
  EntryRenamed: 'entry.renamed',
  InodeFreed: 'inode.freed',
  AttributesChanged: 'attributes.changed',
  ContentChanged: 'content.changed',
  ContentCut: 'content.changed',
  ContentSwept: null,
  AccessTimeChanged: 'atime.changed',
  ShareCreated: 'share.created',
  ShareOptionsChanged: 'share.changed',
  ShareDeleted: 'share.deleted',
  ShareForked: 'share.forked',
  LabelSet: 'label.set',
  LabelRemoved: 'label.removed',
  HoldPlaced: 'hold.placed',
  HoldReleased: 'hold.released',
  PastForgotten: null,
  UserCreated: null,
  UserDeleted: null,
  GroupCreated: null,
  GroupDeleted: null,
  ClientSeen: null,
  ClientForgotten: null,
  ShareMounted: null,
  ShareUnmounted: null,
  EpochClaimed: null,
  HandleKeyCreated: null,
} as const satisfies Readonly<Record<EventType, string | null>>

export type FeedType = NonNullable<(typeof published)[keyof typeof published]>

/** All of them, without the prefix. */
export const feedTypes = [...new Set(Object.values(published))].filter((type) => type !== null)

export const feedTypeOf = (event: EventType): FeedType | null => published[event]

export const fullType = (type: string): string => `${PREFIX}${type}`

/** A type by its full name or without the prefix; undefined when there is no such type. */
export function feedTypeNamed(text: string): FeedType | undefined {
  const short = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text
  return feedTypes.find((type) => type === short)
}
