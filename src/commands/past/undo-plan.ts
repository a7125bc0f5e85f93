/**
 * What it takes to undo what somebody did since a moment. One pass over the records since then
 * tells which entries, contents and attributes they touched, and which of those somebody else has
 * touched after them: those are conflicts.
 */
import type { Event } from '../../journal/events.ts'
import { type Frame, recordsOf } from '../../journal/frame.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { fileKind } from '../../projections/inode.ts'
import { pathOf, type TreeView } from '../../projections/tree-view.ts'
import type { World } from '../../projections/world.ts'
import { readable } from './share-path.ts'

export interface UndoFilter {
  readonly share: number
  /** Records after this one. */
  readonly since: number
  /** All that are given must fit. */
  readonly client: number | undefined
  readonly uid: number | undefined
}

/** One step of an undo, in the order in which steps are taken. */
export interface UndoStep {
  readonly action: 'move back' | 'remove' | 'bring back' | 'restore content' | 'restore attributes'
  readonly path: string
  /** The object and the record after which it was as it should be again. */
  readonly ino: number
  readonly seq: number
  readonly dir: number
  readonly name: string
  readonly toDir: number
  readonly toName: string
  /** Who has changed the same thing since, and when: such steps are left out unless forced. */
  readonly conflict: Conflict | undefined
}

export interface Conflict {
  readonly seq: number
  readonly uid: number
  readonly client: number
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
}

const entryKey = (dir: number, name: string): string => `${dir}/${name}`

export async function undoPlan(
  world: World,
  filter: UndoFilter,
  frames: AsyncIterable<Frame>,
  pause: () => Promise<void>,
): Promise<UndoStep[]> {
  const touches: Touches = { entries: new Map(), contents: new Map(), attributes: new Map() }
  for await (const frame of frames) {
    for (const record of recordsOf(frame)) {
      if (record.seq <= filter.since || record.share !== filter.share) continue
      const theirs = isTheirs(record, filter)
      for (const event of record.events) touch(touches, event, record, theirs)
    }
    await pause()
  }
  return new Planner(world, filter.share, touches).steps()
}

function isTheirs({ origin }: JournalRecord, { client, uid }: UndoFilter): boolean {
  if (client !== undefined && origin.client !== client) return false
  return uid === undefined || origin.uid === uid
}

function touch(touches: Touches, event: Event, record: JournalRecord, theirs: boolean): void {
  const at = <K>(map: Map<K, Touch>, key: K) => {
    const known = map.get(key)
    if (theirs) map.set(key, known ?? { first: record.seq, conflict: undefined })
    else if (known !== undefined && known.conflict === undefined) {
      const { client, uid } = record.origin
      known.conflict = { seq: record.seq, uid, client }
    }
  }
  switch (event.type) {
    case 'EntryRenamed':
      at(touches.entries, entryKey(event.fromDir, event.fromName))
      at(touches.entries, entryKey(event.toDir, event.toName))
      return
    case 'ContentChanged':
      at(touches.contents, event.ino)
      return
    case 'AttributesChanged':
      at(touches.attributes, event.ino)
      return
    default:
      if ('dir' in event && 'name' in event) at(touches.entries, entryKey(event.dir, event.name))
  }
}

class Planner {
  private readonly world: World
  private readonly share: number
  private readonly touches: Touches
  private readonly now: TreeView
  private readonly moves: UndoStep[] = []
  private readonly removals: UndoStep[] = []
  private readonly returns: UndoStep[] = []
  private readonly changes: UndoStep[] = []
  /** Objects that come back anew, with all they had: nothing else is to be done for them. */
  private readonly brought = new Set<number>()

  constructor(world: World, share: number, touches: Touches) {
    this.world = world
    this.share = share
    this.touches = touches
    this.now = world.live(share)
  }

  steps(): UndoStep[] {
    for (const [key, touched] of this.touches.entries) this.entry(key, touched)
    for (const [ino, touched] of this.touches.contents) this.change(ino, touched, 'restore content')
    for (const [ino, touched] of this.touches.attributes) {
      this.change(ino, touched, 'restore attributes')
    }
    // What was made deepest goes first, and what comes back needs its directory first.
    const depth = ({ path }: UndoStep) => path.split('/').length
    this.removals.sort((a, b) => depth(b) - depth(a))
    this.returns.sort((a, b) => depth(a) - depth(b))
    return [...this.moves, ...this.removals, ...this.returns, ...this.changes]
  }

  private entry(key: string, { first, conflict }: Touch): void {
    const at = key.indexOf('/')
    const [dir, name] = [Number(key.slice(0, at)), key.slice(at + 1)]
    const then = this.world.asOf(this.share, first - 1)
    const [before, after] = [then.entry(dir, name)?.ino, this.now.entry(dir, name)?.ino]
    if (before === after) return
    const step = { dir, name, toDir: 0, toName: '', seq: first - 1, conflict }
    if (after !== undefined && then.inode(after) === undefined) {
      const path = this.pathIn(this.now, dir, name)
      this.removals.push({ ...step, action: 'remove', path, ino: after })
    }
    if (before === undefined) return
    const path = this.pathIn(then, dir, name)
    const place = this.placeNow(before)
    if (place === undefined) {
      this.brought.add(before)
      this.returns.push({ ...step, action: 'bring back', path, ino: before })
    } else {
      const back = { dir: place.dir, name: place.name, toDir: dir, toName: name }
      this.moves.push({ ...step, ...back, action: 'move back', path, ino: before })
    }
  }

  private placeNow(ino: number): { dir: number; name: string } | undefined {
    const inode = this.now.inode(ino)
    const listing = inode && this.now.listing(inode.parent, inode.cookie)
    return inode && listing && { dir: inode.parent, name: listing.name }
  }

  private change(
    ino: number,
    { first, conflict }: Touch,
    action: 'restore content' | 'restore attributes',
  ): void {
    const then = this.world.asOf(this.share, first - 1)
    const [before, after] = [then.inode(ino), this.now.inode(ino)]
    const place = this.placeNow(ino)
    if (before === undefined || after === undefined || this.brought.has(ino)) return
    if (before.kind === fileKind.directory && action === 'restore content') return
    if (place === undefined) return
    const path = readable(pathOf(this.now, ino) ?? `(inode ${ino})`)
    const step = { ...place, toDir: 0, toName: '', seq: first - 1, conflict }
    this.changes.push({ ...step, action, path, ino })
  }

  private pathIn(view: TreeView, dir: number, name: string): string {
    const parent = pathOf(view, dir) ?? `/(directory ${dir})`
    return readable(`${parent === '/' ? '' : parent}/${name}`)
  }
}
