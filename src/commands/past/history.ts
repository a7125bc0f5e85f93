/**
 * Every version of what a path has named: when it came, who made it, from where and how. Objects
 * are followed through their whole life, under whatever names they had, up to when they lost the
 * path.
 */
import type { JournalRecord } from '../../journal/record.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { NAME_MAX } from '../../platform/limits.ts'
import { fileKind, type Inode, ROOT_INO } from '../../projections/inode.ts'
import { pathOf, type TreeView } from '../../projections/tree-view.ts'
import { entryVersions, inodeVersions } from '../../projections/versions.ts'
import type { World } from '../../projections/world.ts'
import { timeName } from '../moments.ts'
import { operationOf, type Who, whoOf } from './actor.ts'
import { changeWords } from './change-words.ts'
import type { Pause } from './pause.ts'
import { entryPath, kindName, readable, type SharePath } from './share-path.ts'

export interface PastVersion extends Who {
  /** The record that made it; `.history/@SEQ` and PATH@SEQ are this version. */
  readonly seq: number
  readonly time: string
  /** What happened: `created`, `content`, `renamed`, `removed` … */
  readonly change: string
  /** Within the share, at that moment. */
  readonly path: string
  /** Where it was before, when it was renamed. */
  readonly from?: string
  /** Protocol and operation: `nfs3.WRITE`. */
  readonly operation: string
  readonly type: string
  readonly size: number
  /** Permissions, as a number. */
  readonly mode: number
  readonly inode: number
}

/** How records are read back and who they speak of is named. */
export interface Reading {
  readonly world: World
  record(seq: number): Promise<JournalRecord>
  readonly pause: Pause
}

/** Which versions, the last one first. */
export interface Portion {
  /** Only those of records before this one. */
  readonly before: number
  /** About so many: what one record did is told whole. */
  readonly limit: number
}

export async function* historyOf(
  reading: Reading,
  place: SharePath,
  { before, limit }: Portion,
): AsyncIterable<PastVersion> {
  const { world } = reading
  let [count, last] = [0, 0]
  for (const mark of marksOf(world, place, before - 1)) {
    if (count >= limit && mark.seq !== last) return
    const version = await told(reading, place.share.id, mark)
    // That somebody has read it makes no version.
    if (version.change !== 'access time') {
      yield version
      last = mark.seq
      count += 1
    }
    await reading.pause()
  }
}

/** A record that concerns an object. */
interface Mark {
  readonly seq: number
  readonly ino: number
  /** What it was from then on; undefined: it has lost the path, or its last name. */
  readonly value: Inode | undefined
}

/** Records about objects that have had the path, the last one first. */
function* marksOf(world: World, place: SharePath, upTo: number): Iterable<Mark> {
  const waiting = tenures(world, place, upTo)[Symbol.iterator]()
  const lives: Life[] = []
  const seen = new Set<number>()
  for (let next = waiting.next(); ; ) {
    const front = latestOf(lives)
    // An object can have existed long before it got the path: lives overlap.
    if (next.done !== true && (next.value.until ?? Infinity) >= (front?.head.seq ?? 0)) {
      if (!seen.has(next.value.ino)) begin(lives, lifeOf(world, place.share.id, next.value, upTo))
      seen.add(next.value.ino)
      next = waiting.next()
      continue
    }
    if (front === undefined) return
    yield front.head
    lives.splice(lives.indexOf(front), 1)
    begin(lives, front.rest)
  }
}

/** What is left to tell of an object. */
interface Life {
  readonly head: Mark
  readonly rest: Iterator<Mark>
}

function begin(lives: Life[], rest: Iterator<Mark>): void {
  const head = rest.next()
  if (head.done !== true) lives.push({ head: head.value, rest })
}

function latestOf(lives: readonly Life[]): Life | undefined {
  let latest = lives[0]
  for (const life of lives) if (life.head.seq > (latest as Life).head.seq) latest = life
  return latest
}

interface Tenure {
  readonly ino: number
  /** The record by which it lost the path; undefined: it still has it. */
  readonly until: number | undefined
}

/** Which objects have had a path, the last one first. */
function* tenures(world: World, { share, names }: SharePath, upTo: number): Iterable<Tenure> {
  const name = names.at(-1)
  if (name === undefined) {
    yield { ino: ROOT_INO, until: undefined }
    return
  }
  const dir = directoryOf(world, share.id, names.slice(0, -1))
  let some = false
  let last: Tenure | undefined
  for (const { value, until } of entryVersions(world, share.id, dir, name, upTo)) {
    some = true
    // Renaming within a directory gives an entry anew; the object stays.
    if (last?.ino !== value.ino) yield { ino: value.ino, until }
    last = { ino: value.ino, until }
  }
  if (!some && upTo >= world.seq) throw new NoSuchPathError('noEntry')
}

/** A directory by its names now or, where one is gone, by what had it last. */
function directoryOf(world: World, share: number, names: readonly string[]): number {
  let dir = ROOT_INO
  for (const name of names) {
    if (name.length > NAME_MAX) throw new NoSuchPathError('nameTooLong')
    const [version] = entryVersions(world, share, dir, name)
    if (version === undefined) throw new NoSuchPathError('noEntry')
    dir = version.value.ino
  }
  return dir
}

/** Nothing has ever had the path, as far back as the share is remembered. */
export class NoSuchPathError extends Error {
  override readonly name = 'NoSuchPathError'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(`no such path: ${refusal}`)
    this.refusal = refusal
  }
}

function* lifeOf(
  world: World,
  share: number,
  { ino, until }: Tenure,
  upTo: number,
): Generator<Mark> {
  if (until !== undefined && until <= upTo) yield { seq: until, ino, value: undefined }
  const last = Math.min(upTo, (until ?? Infinity) - 1)
  for (const { from, value } of inodeVersions(world, share, ino, last)) {
    yield { seq: from, ino, value }
  }
}

async function told(reading: Reading, share: number, mark: Mark): Promise<PastVersion> {
  const { world } = reading
  const { seq, ino, value } = mark
  const record = await reading.record(seq)
  // Of a fork, what was before it began has happened in the share that it stands on.
  const where = record.share === 0 ? share : record.share
  const [before, now] = [world.glance(where, seq - 1), world.glance(where, seq)]
  const there = value ?? now.inode(ino) ?? before.inode(ino)
  const path = now.inode(ino) === undefined ? pathOf(before, ino) : pathOf(now, ino)
  const from = renamedFrom(before, record, ino)
  return {
    seq,
    time: timeName(record),
    change: changeWords(record, ino),
    path: readable(path ?? `(inode ${ino})`),
    ...(from !== undefined && { from }),
    ...whoOf(world, record.origin),
    operation: operationOf(record),
    type: kindName(there),
    size: there?.kind === fileKind.directory ? 0 : (there?.size ?? 0),
    mode: there?.mode ?? 0,
    inode: ino,
  }
}

function renamedFrom(before: TreeView, { events }: JournalRecord, ino: number): string | undefined {
  for (const event of events) {
    if (event.type !== 'EntryRenamed' || event.ino !== ino) continue
    return entryPath(before, event.fromDir, event.fromName)
  }
  return undefined
}
