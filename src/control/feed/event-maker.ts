/** Records, in order, to events of the change feed. */
import { operationNameOf } from '../../journal/command-names.ts'
import type { Event } from '../../journal/events.ts'
import type { JournalRecord } from '../../journal/record.ts'
import type { StoredPast } from '../../projections/stored-past.ts'
import { describeEvent, type Setting } from './describe-event.ts'
import { feedTypeOf } from './event-types.ts'
import { type Author, type FeedEvent, feedEvent } from './feed-event.ts'
import { TreePaths } from './tree-paths.ts'

const REMEMBERED = 10_000

export class EventMaker {
  private readonly past: StoredPast
  private readonly stream: string
  private readonly tree: TreePaths
  private readonly shareNames = new Map<number, string>()
  private readonly clientNames = new Map<number, string>()
  private readonly userNames = new Map<number, string | undefined>()

  constructor(past: StoredPast, stream: string) {
    this.past = past
    this.stream = stream
    this.tree = new TreePaths(past)
  }

  /** Of the record that follows the last one. The store must be as far. */
  eventsOf(record: JournalRecord): readonly FeedEvent[] {
    const { events, share, seq, command } = record
    if (events.length === 0) return []
    const kinds = this.kindsBefore(record)
    for (const event of events) this.learn(share, event)
    const setting = { tree: this.tree, share, seq, command, kinds, removed: this.lastNames(record) }
    const made: FeedEvent[] = []
    for (const [index, event] of events.entries()) {
      const one = this.eventOf(record, index, event, setting)
      if (one !== undefined) made.push(one)
    }
    return made
  }

  private learn(share: number, event: Event): void {
    this.tree.learn(share, event)
    if (event.type === 'UserCreated' || event.type === 'UserDeleted') {
      this.userNames.delete(event.uid)
    }
  }

  /** Of what loses names, which may not be there any more behind the record. */
  private kindsBefore({ events, share, seq }: JournalRecord): Map<number, number> {
    const kinds = new Map<number, number>()
    for (const event of events) {
      if (event.type !== 'EntryUnlinked') continue
      kinds.set(event.ino, this.tree.kindOf(share, event.ino, seq - 1))
    }
    return kinds
  }

  /** Of what is gone for good: the name that was its last. */
  private lastNames({ events, share, seq }: JournalRecord): Map<number, string> {
    const names = new Map<number, string>()
    const freed = events.flatMap((event) => (event.type === 'InodeFreed' ? [event.ino] : []))
    if (freed.length === 0) return names
    for (const event of events) {
      if (event.type !== 'EntryUnlinked' || !freed.includes(event.ino)) continue
      const path = this.tree.pathIn(share, event.dir, event.name, seq)
      if (path !== undefined) names.set(event.ino, path)
    }
    return names
  }

  private eventOf(
    record: JournalRecord,
    index: number,
    event: Event,
    setting: Setting,
  ): FeedEvent | undefined {
    const type = feedTypeOf(event.type)
    if (type === null) return undefined
    const about = 'share' in event ? event.share : record.share
    const share = this.shareName(about, record.seq)
    const author = this.authorOf(record)
    const { stream } = this
    return feedEvent({ stream, record, index, type, share, author }, describeEvent(event, setting))
  }

  private shareName(id: number, seq: number): string {
    let name = this.shareNames.get(id)
    if (name === undefined) {
      name = this.past.share(id, seq)?.name ?? ''
      this.shareNames.set(id, name)
    }
    return name
  }

  private authorOf({ origin, seq }: JournalRecord): Author {
    const { uid, gid, client, op, actor } = origin
    const name = this.userName(uid, seq)
    return {
      user: { uid, gid, ...(name !== undefined && { name }) },
      client: actor?.address ?? this.clientName(client, seq),
      operation: operationNameOf(op) ?? String(op),
    }
  }

  private userName(uid: number, seq: number): string | undefined {
    if (!this.userNames.has(uid)) {
      if (this.userNames.size >= REMEMBERED) this.userNames.clear()
      this.userNames.set(uid, this.past.user(uid, seq)?.name)
    }
    return this.userNames.get(uid)
  }

  private clientName(id: number, seq: number): string {
    if (id === 0) return 'server'
    let name = this.clientNames.get(id)
    if (name === undefined) {
      name = this.past.client(id, seq)?.address ?? `client ${id}`
      if (this.clientNames.size >= REMEMBERED) this.clientNames.clear()
      this.clientNames.set(id, name)
    }
    return name
  }
}
