/**
 * What it takes to undo what somebody did since a moment. One pass over the records since then
 * tells which entries, contents and attributes they touched, and which of those somebody else has
 * touched after them: those are conflicts.
 */
import type { Event } from '../../journal/events.ts'
import { type Frame, recordsOf } from '../../journal/frame.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { fileKind, type Inode } from '../../projections/inode.ts'
import { pathOf, type TreeView } from '../../projections/tree-view.ts'
import type { World } from '../../projections/world.ts'
import { whoOf } from './actor.ts'
import { TooMuchError } from './diff.ts'
import type { Pause } from './pause.ts'
import { entryPath, readable } from './share-path.ts'

export interface UndoFilter {
  readonly share: number
  /** Records after this one, up to and with that one. */
  readonly since: number
  readonly until: number
  /** All that are given must fit. */
  readonly client: number | undefined
  readonly uid: number | undefined
}

type Action =
  | 'move back'
  | 'remove'
  | 'bring back'
  | 'link back'
  | 'restore content'
  | 'restore attributes'

/** One step of an undo, in the order in which steps are taken. */
export interface UndoStep {
  readonly action: Action
  /** Where what comes of it is; of `remove` what goes. */
  readonly path: string
  /** Where it is now, when it is moved back. */
  readonly from?: string
  /** The object and the record after which it was as it should be again. */
  readonly ino: number
  readonly seq: number
  /** The entry: of what is removed or restored where it is, else where it was. */
  readonly dir: number
  readonly name: string
  /** Of `move back`: where it is now. */
  readonly at?: { readonly dir: number; readonly name: string }
  /** Who has changed the same thing since, and when: such steps are left out unless forced. */
  readonly conflict: Conflict | undefined
}

export interface Conflict {
  readonly seq: number
  readonly user: string
  readonly client: string
}

interface Touch {
  /** The first record of theirs that touched it. */
  readonly first: number
  conflict: Conflict | undefined
}

interface Touches {
  readonly entries: Map<string, Touch>
  readonly contents: Map<number, Touch>
  readonly attributes: Map<number, Touch>
  /** Objects that they have made. */
  readonly created: Set<number>
}

/** Objects that one undo can be about: bounds memory. */
const TOUCHED_MAX = 200_000
/** Looked at between two pauses: a millisecond or two. */
const LOOKED_AT_ONCE = 50

const entryKey = (dir: number, name: string): string => `${dir}/${name}`

export async function undoPlan(
  world: World,
  filter: UndoFilter,
  frames: AsyncIterable<Frame>,
  pause: Pause,
): Promise<UndoStep[]> {
  const [entries, contents, attributes] = [new Map(), new Map(), new Map()]
  const touches: Touches = { entries, contents, attributes, created: new Set() }
  for await (const frame of frames) {
    if (frame.firstSeq > filter.until) break
    for (const record of recordsOf(frame)) {
      const { seq, share } = record
      if (seq <= filter.since || seq > filter.until || share !== filter.share) continue
      const theirs = isTheirs(record, filter)
      for (const event of record.events) touch(world, touches, event, record, theirs)
    }
    if (entries.size + contents.size + attributes.size > TOUCHED_MAX) {
      throw new TooMuchError(`they changed more than ${TOUCHED_MAX} objects since then`)
    }
    await pause()
  }
  return new Planner(world, filter.share, touches, pause).steps()
}

function isTheirs({ origin }: JournalRecord, { client, uid }: UndoFilter): boolean {
  if (client !== undefined && origin.client !== client) return false
  return uid === undefined || (origin.uid === uid && origin.actor === undefined)
}

function touch(
  world: World,
  touches: Touches,
  event: Event,
  record: JournalRecord,
  theirs: boolean,
): void {
  const at = <K>(map: Map<K, Touch>, key: K) => {
    const known = map.get(key)
    if (theirs) map.set(key, known ?? { first: record.seq, conflict: undefined })
    else if (known !== undefined && known.conflict === undefined) {
      const { user, client } = whoOf(world, record.origin)
      known.conflict = { seq: record.seq, user, client }
    }
  }
  switch (event.type) {
    case 'EntryRenamed':
      at(touches.entries, entryKey(event.fromDir, event.fromName))
      at(touches.entries, entryKey(event.toDir, event.toName))
      return
    case 'ContentChanged':
    case 'ContentCut':
      at(touches.contents, event.ino)
      if (event.mode !== undefined) at(touches.attributes, event.ino)
      return
    case 'AttributesChanged':
      at(touches.attributes, event.ino)
      return
    default:
      if (theirs && 'generation' in event && 'ino' in event) touches.created.add(event.ino)
      if ('dir' in event && 'name' in event) at(touches.entries, entryKey(event.dir, event.name))
  }
}

class Planner {
  private readonly world: World
  private readonly share: number
  private readonly touches: Touches
  private readonly now: TreeView
  private readonly pause: Pause
  private readonly moves: UndoStep[] = []
  private readonly removals: UndoStep[] = []
  private readonly links: UndoStep[] = []
  private readonly returns: UndoStep[] = []
  private readonly changes: UndoStep[] = []
  /** Objects that come back anew, with all they had: nothing else is to be done for them. */
  private readonly brought = new Set<number>()
  /** Objects of several names: these are taken and given one by one, and none is moved. */
  private readonly several = new Set<number>()
  /** Where objects were put that have been there before. */
  private readonly arrived = new Map<number, { readonly dir: number; readonly name: string }>()
  private looked = 0

  constructor(world: World, share: number, touches: Touches, pause: Pause) {
    this.world = world
    this.share = share
    this.touches = touches
    this.now = world.live(share)
    this.pause = pause
  }

  async steps(): Promise<UndoStep[]> {
    const { entries, contents, attributes } = this.touches
    for (const [key, touched] of entries) {
      await this.turn()
      this.arrival(key, touched)
    }
    for (const [key, touched] of entries) {
      await this.turn()
      this.entry(key, touched)
    }
    for (const [ino, touched] of contents) {
      await this.turn()
      this.change(ino, touched, 'restore content')
    }
    for (const [ino, touched] of attributes) {
      await this.turn()
      this.change(ino, touched, 'restore attributes')
    }
    // What was made deepest goes first, and what comes back needs its directory first.
    const depth = ({ path }: UndoStep) => path.split('/').length
    this.removals.sort((a, b) => depth(b) - depth(a))
    this.returns.sort((a, b) => depth(a) - depth(b))
    const { moves, links, removals, returns, changes } = this
    return [...moves, ...links, ...removals, ...returns, ...changes]
  }

  private async turn(): Promise<void> {
    this.looked += 1
    if (this.looked % LOOKED_AT_ONCE === 0) await this.pause()
  }

  private place(key: string, first: number) {
    const at = key.indexOf('/')
    const [dir, name] = [Number(key.slice(0, at)), key.slice(at + 1)]
    const then = this.world.glance(this.share, first - 1)
    const [before, after] = [then.entry(dir, name)?.ino, this.now.entry(dir, name)?.ino]
    return { dir, name, then, before, after }
  }

  private arrival(key: string, { first }: Touch): void {
    const { dir, name, then, before, after } = this.place(key, first)
    for (const ino of [before, after]) {
      if (ino !== undefined && this.hasSeveral(then, ino)) this.several.add(ino)
    }
    if (after === undefined || after === before) return
    if (!this.isNew(then, after)) this.arrived.set(after, { dir, name })
  }

  private entry(key: string, { first, conflict }: Touch): void {
    const { dir, name, then, before, after } = this.place(key, first)
    if (before === after) return
    const step = { dir, name, seq: first - 1, conflict }
    if (after !== undefined && (this.isNew(then, after) || this.several.has(after))) {
      const path = entryPath(this.now, dir, name)
      this.removals.push({ ...step, action: 'remove', path, ino: after })
    }
    if (before === undefined) return
    const path = entryPath(then, dir, name)
    if (this.now.inode(before) === undefined) {
      this.brought.add(before)
      const seq = this.untouched(before, first) - 1
      this.returns.push({ ...step, seq, action: 'bring back', path, ino: before })
    } else if (this.several.has(before)) {
      this.links.push({ ...step, action: 'link back', path, ino: before })
    } else {
      const at = this.arrived.get(before) ?? this.placeNow(before)
      if (at === undefined) return
      const from = entryPath(this.now, at.dir, at.name)
      this.moves.push({ ...step, action: 'move back', path, from, ino: before, at })
    }
  }

  /** The first record of theirs about an object: what it loses last is not all it has lost. */
  private untouched(ino: number, first: number): number {
    const { contents, attributes } = this.touches
    return Math.min(first, contents.get(ino)?.first ?? first, attributes.get(ino)?.first ?? first)
  }

  private isNew(then: TreeView, ino: number): boolean {
    return this.touches.created.has(ino) || then.inode(ino) === undefined
  }

  private hasSeveral(then: TreeView, ino: number): boolean {
    const names = (view: TreeView) => {
      const inode = view.inode(ino)
      return inode === undefined || inode.kind === fileKind.directory ? 0 : inode.nlink
    }
    return names(then) > 1 || names(this.now) > 1
  }

  private placeNow(ino: number): { dir: number; name: string } | undefined {
    const inode = this.now.inode(ino)
    const listing = inode && this.now.listing(inode.parent, inode.cookie)
    return inode && listing && { dir: inode.parent, name: listing.name }
  }

  private change(
    ino: number,
    touched: Touch,
    action: 'restore content' | 'restore attributes',
  ): void {
    const { conflict } = touched
    // Times change with the content.
    const first = action === 'restore content' ? touched.first : this.untouched(ino, touched.first)
    const then = this.world.glance(this.share, first - 1)
    const [before, after] = [then.inode(ino), this.now.inode(ino)]
    const place = this.placeNow(ino)
    if (before === undefined || after === undefined) return
    if (this.brought.has(ino) || this.touches.created.has(ino)) return
    if (place === undefined || !differs(before, after, action)) return
    const path = readable(pathOf(this.now, ino) ?? `(inode ${ino})`)
    this.changes.push({ ...place, seq: first - 1, conflict, action, path, ino })
  }
}

function differs(
  before: Inode,
  after: Inode,
  action: 'restore content' | 'restore attributes',
): boolean {
  if (action === 'restore content') {
    if (before.kind !== fileKind.regular) return false
    const same = before.contentA === after.contentA && before.contentB === after.contentB
    return !same || before.size !== after.size
  }
  const { mode, uid, gid, mtimeSec, mtimeNsec } = after
  if (before.mode !== mode || before.uid !== uid || before.gid !== gid) return true
  return before.mtimeSec !== mtimeSec || before.mtimeNsec !== mtimeNsec
}
