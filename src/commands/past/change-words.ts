/** What a record did to an object, in words, from its events. */
import { commandCodes } from '../../journal/command-names.ts'
import type { Event } from '../../journal/events.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { ROOT_INO } from '../../projections/inode.ts'

/** `created`, `content`, `renamed`, `mode`, `owner`, `linked` …; several are joined by commas. */
export function changeWords({ events, command }: JournalRecord, ino: number): string {
  const words = new Set<string>()
  for (const event of events) for (const word of wordsOf(event, ino)) words.add(word)
  // What comes along with more is not worth a word.
  if (words.has('created')) for (const word of ['times', 'entries']) words.delete(word)
  if (words.has('removed')) words.delete('unlinked')
  const restores = command === commandCodes.RestoreInode && !words.has('entries')
  if (restores && !words.has('removed')) return 'restored'
  return [...words].join(', ') || 'changed'
}

function wordsOf(event: Event, ino: number): readonly string[] {
  switch (event.type) {
    case 'FileCreated':
    case 'DirectoryCreated':
    case 'SymlinkCreated':
    case 'SpecialFileCreated':
      return [...only(event.ino === ino, 'created'), ...only(event.dir === ino, 'entries')]
    case 'EntryLinked':
      return [...only(event.ino === ino, 'linked'), ...only(event.dir === ino, 'entries')]
    case 'EntryUnlinked':
      return [...only(event.ino === ino, 'unlinked'), ...only(event.dir === ino, 'entries')]
    case 'EntryRenamed': {
      const around = event.fromDir === ino || event.toDir === ino
      return [...only(event.ino === ino, 'renamed'), ...only(around, 'entries')]
    }
    case 'ContentChanged':
    case 'ContentCut':
      return only(event.ino === ino, 'content')
    case 'AttributesChanged':
      return event.ino === ino ? attributeWords(event) : []
    case 'AccessTimeChanged':
      return only(event.ino === ino, 'access time')
    case 'ShareCreated':
      return only(ino === ROOT_INO, 'created')
    case 'InodeFreed':
      return only(event.ino === ino, 'removed')
    default:
      return []
  }
}

const only = (holds: boolean, word: string): readonly string[] => (holds ? [word] : [])

function attributeWords(event: Event & { readonly type: 'AttributesChanged' }): string[] {
  const { mode, uid, gid, atime, mtime } = event
  const words: string[] = []
  if (mode !== undefined) words.push('mode')
  if (uid !== undefined || gid !== undefined) words.push('owner')
  if (atime !== undefined || mtime !== undefined) words.push('times')
  return words
}
