/**
 * What can have happened: the vocabulary of the journal. An event is complete: folding it needs
 * nothing but the state before it and the record it stands in (whose time is the ctime of what it
 * changes). docs/formats/events.md is generated from this table.
 *
 * Codes are for ever. A change of an event's fields gets the next version and an entry in
 * upcasts.ts; a golden journal (test/journal/golden) of the version before it must still replay.
 */
import type { FieldKind, FieldTypes } from './fields.ts'

export interface EventSpec {
  readonly code: number
  readonly version: number
  readonly fields: Readonly<Record<string, FieldKind>>
}

const newEntry = { dir: 'int', name: 'name', ino: 'int', cookie: 'int' } as const
const newInode = {
  ...newEntry,
  generation: 'int',
  mode: 'int',
  uid: 'int',
  gid: 'int',
  atime: 'time?',
  mtime: 'time?',
} as const

export const eventSpecs = {
  // The tree. Inode numbers count within the record's share.
  FileCreated: { code: 1, version: 1, fields: { ...newInode, verifier: 'bytes?' } },
  DirectoryCreated: { code: 2, version: 1, fields: newInode },
  SymlinkCreated: { code: 3, version: 1, fields: { ...newInode, target: 'name' } },
  SpecialFileCreated: {
    code: 4,
    version: 1,
    fields: { ...newInode, kind: 'int', major: 'int', minor: 'int' },
  },
  EntryLinked: { code: 5, version: 1, fields: newEntry },
  EntryUnlinked: { code: 6, version: 1, fields: { dir: 'int', name: 'name', ino: 'int' } },
  EntryRenamed: {
    code: 7,
    version: 1,
    fields: {
      fromDir: 'int',
      fromName: 'name',
      toDir: 'int',
      toName: 'name',
      ino: 'int',
      cookie: 'int',
    },
  },
  /** Its last link and its last opener are gone. */
  InodeFreed: { code: 8, version: 1, fields: { ino: 'int' } },
  AttributesChanged: {
    code: 9,
    version: 1,
    fields: {
      ino: 'int',
      mode: 'int?',
      uid: 'int?',
      gid: 'int?',
      atime: 'time?',
      mtime: 'time?',
    },
  },
  /**
   * New bytes, a new size, or both. `extents` are ascending and do not overlap; they replace what
   * they cover. What grows is covered by extents, holes included; what lies behind `size` is cut.
   * `content` numbers the extent map: truncation to nothing, or to little of very much, starts a
   * new one, which is empty but for `extents`, instead of deleting.
   */
  ContentChanged: {
    code: 10,
    version: 1,
    fields: {
      ino: 'int',
      size: 'int',
      content: 'int',
      extents: 'extents',
      mode: 'int?',
      mtime: 'time?',
      ctime: 'time?',
    },
  },
  /**
   * A file ends at `size` from here on. What it loses stays in its extent map, where ContentSwept
   * takes it from; `used`, `sumA` and `sumB` are the sums over what it keeps.
   */
  ContentCut: {
    code: 12,
    version: 1,
    fields: { ino: 'int', size: 'int', used: 'int', sumA: 'int', sumB: 'int', mode: 'int?' },
  },
  /** What was cut off a file and begins before `to` is gone from its extent map. */
  ContentSwept: { code: 13, version: 1, fields: { ino: 'int', content: 'int', to: 'int' } },
  /** An access time that relatime wants kept. The ctime stays. */
  AccessTimeChanged: { code: 11, version: 1, fields: { ino: 'int', atime: 'time?' } },

  // The control plane.
  ShareCreated: {
    code: 32,
    version: 1,
    fields: {
      share: 'int',
      name: 'text',
      generation: 'int',
      mode: 'int',
      uid: 'int',
      gid: 'int',
      options: 'map',
    },
  },
  ShareOptionsChanged: { code: 33, version: 1, fields: { share: 'int', options: 'map' } },
  ShareDeleted: { code: 34, version: 1, fields: { share: 'int' } },
  /** A share that begins as another one was after record `seq`, and shares its content. */
  ShareForked: {
    code: 39,
    version: 1,
    fields: {
      share: 'int',
      name: 'text',
      generation: 'int',
      base: 'int',
      seq: 'int',
      nextIno: 'int',
      inodes: 'int',
      bytes: 'int',
      options: 'map',
    },
  },
  /** A name for the moment after record `seq`. */
  LabelSet: { code: 35, version: 1, fields: { share: 'int', label: 'text', seq: 'int' } },
  LabelRemoved: { code: 36, version: 1, fields: { share: 'int', label: 'text' } },
  /** From the moment after record `seq` on nothing is forgotten until it is released. */
  HoldPlaced: { code: 37, version: 1, fields: { share: 'int', hold: 'text', seq: 'int' } },
  HoldReleased: { code: 38, version: 1, fields: { share: 'int', hold: 'text' } },
  /** Moments before record `seq` are out of retention for good. Share 0: the control plane. */
  PastForgotten: { code: 44, version: 1, fields: { share: 'int', seq: 'int' } },
  UserCreated: {
    code: 40,
    version: 1,
    fields: { uid: 'int', name: 'text', gid: 'int', gids: 'ints' },
  },
  UserDeleted: { code: 41, version: 1, fields: { uid: 'int' } },
  GroupCreated: { code: 42, version: 1, fields: { gid: 'int', name: 'text' } },
  GroupDeleted: { code: 43, version: 1, fields: { gid: 'int' } },
  ClientSeen: { code: 48, version: 1, fields: { client: 'int', address: 'text' } },
  ClientForgotten: { code: 49, version: 1, fields: { client: 'int' } },
  ShareMounted: { code: 50, version: 1, fields: { client: 'int', path: 'text' } },
  /** An empty path: everything the client had mounted. */
  ShareUnmounted: { code: 51, version: 1, fields: { client: 'int', path: 'text' } },

  // The stream itself.
  EpochClaimed: { code: 64, version: 1, fields: { epoch: 'int', owner: 'text' } },
  HandleKeyCreated: { code: 65, version: 1, fields: { key: 'bytes' } },
} as const satisfies Readonly<Record<string, EventSpec>>

export type EventType = keyof typeof eventSpecs
type Fields<F> = { readonly [K in keyof F]: F[K] extends FieldKind ? FieldTypes[F[K]] : never }
export type EventOf<T extends EventType> = { readonly type: T } & Fields<
  (typeof eventSpecs)[T]['fields']
>
export type Event = { [T in EventType]: EventOf<T> }[EventType]
