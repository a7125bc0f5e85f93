import type { EventType } from '../../src/journal/events.ts'

/** What each event says, for docs/formats/events.md. */
export const eventMeanings = {
  FileCreated:
    'A regular file, empty, and its first entry. `verifier` is that of an exclusive CREATE.',
  DirectoryCreated: 'A directory and its entry.',
  SymlinkCreated: 'A symbolic link to `target`, and its entry.',
  SpecialFileCreated:
    'A device, FIFO or socket (`kind`: the file types of RFC 1813 section 2.5), and its entry. ' +
    '`major` and `minor` are those of devices.',
  EntryLinked: 'One more entry of an inode.',
  EntryUnlinked: 'An entry is gone. The inode stays until InodeFreed.',
  EntryRenamed: 'An entry has another name, another directory, or both; `cookie` is its new one.',
  InodeFreed: 'The last link of an inode, and its last opener, are gone.',
  AttributesChanged: 'Attributes that are not nil are these now.',
  ContentChanged:
    'New bytes, a new size, or both. `extents` are ascending and do not overlap; they replace ' +
    'what they cover. What grows is covered by extents, holes included; what lies behind ' +
    '`size` is cut. `content` numbers the extent map. A new one begins empty: truncation to ' +
    'nothing, or to few of very many extents, which the event then names, starts one. ' +
    '`ctime` is that of the write, where it is not that of the record.',
  ContentCut:
    'A file ends at `size`. Of its extents the one across `size` ends there; those behind it are ' +
    'of no file any more, stay in the extent map, and go with ContentSwept, or where the file ' +
    'grows over them. `used`, `sumA` and `sumB` are the bytes of data and the digest of what it ' +
    'keeps.',
  ContentSwept:
    'Of the extents that were cut off file `ino` in its extent map `content` those that begin ' +
    'before `to` are gone. Nothing that anybody sees has changed.',
  AccessTimeChanged: 'An access time that relatime wants kept. The ctime stays.',
  ShareCreated:
    'A share and its root directory (inode 1). `options` has every option, so that the defaults ' +
    'of a later version do not change it.',
  ShareOptionsChanged: 'Those options of a share that are in the map are these now.',
  ShareDeleted: 'A share is out of service. Its past stays readable until its retention ends.',
  ShareForked:
    'A share that begins as share `base` was after record `seq`, and shares its content; ' +
    '`nextIno`, `inodes` and `bytes` are what the base had then.',
  LabelSet: 'A name for the moment after record `seq`.',
  LabelRemoved: 'That name is gone.',
  HoldPlaced: 'From the moment after record `seq` on nothing is forgotten until it is released.',
  HoldReleased: 'That hold is gone.',
  PastForgotten:
    'Moments of a share before record `seq` are out of retention for good; share 0: of the ' +
    'control plane.',
  UserCreated: 'A user; `gids` are the supplementary groups.',
  UserDeleted: 'That user is gone. What belongs to the number goes on belonging to it.',
  GroupCreated: 'A group.',
  GroupDeleted: 'That group is gone.',
  ClientSeen: 'An address was given a number; records name clients by it.',
  ClientForgotten: 'That number is gone.',
  ShareMounted: 'A client has mounted a path.',
  ShareUnmounted: 'It has unmounted it; an empty path: everything it had.',
  EpochClaimed: 'A writer has begun. Frames of an earlier epoch behind it are void.',
  HandleKeyCreated: 'The key of the check code in file handles.',
} as const satisfies Readonly<Record<EventType, string>>
