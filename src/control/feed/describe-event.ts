/** What the change feed tells of each event of the journal. */

import { timeName } from '../../commands/moments.ts'
import { readable } from '../../commands/past/share-path.ts'
import type { Event, EventOf } from '../../journal/events.ts'
import { type Extent, isHole } from '../../journal/fields.ts'
import { writtenExtents } from '../../journal/written-extents.ts'
import { type FileKind, fileKind } from '../../projections/inode.ts'
import { pathFields, type Told } from './feed-event.ts'
import type { Names, TreePaths } from './tree-paths.ts'

/** Where an event stands. */
export interface Setting {
  readonly tree: TreePaths
  readonly share: number
  readonly seq: number
  /** The record's command, by its code. */
  readonly command: number
  /** What the record takes names from, as it was before: kinds by inode. */
  readonly kinds: ReadonlyMap<number, number>
  /** What the record takes names from: the last one of each, by inode. */
  readonly removed: ReadonlyMap<number, string>
}

/** Ranges that one event tells of; more are told as fewer that span them. */
const RANGES_MAX = 128

const kindNames = {
  [fileKind.regular]: 'file',
  [fileKind.directory]: 'directory',
  [fileKind.blockDevice]: 'blockDevice',
  [fileKind.characterDevice]: 'characterDevice',
  [fileKind.symlink]: 'symlink',
  [fileKind.socket]: 'socket',
  [fileKind.fifo]: 'fifo',
} as const satisfies Record<FileKind, string>

const kindName = (kind: number): string => kindNames[kind as FileKind] ?? 'unknown'
const modeText = (mode: number): string => `0${mode.toString(8).padStart(3, '0')}`

export function describeEvent(event: Event, at: Setting): Told {
  switch (event.type) {
    case 'FileCreated':
    case 'DirectoryCreated':
    case 'SymlinkCreated':
    case 'SpecialFileCreated':
      return created(event, at)
    case 'EntryLinked':
      return linked(event, at)
    case 'EntryUnlinked':
      return removed(event, at)
    case 'EntryRenamed':
      return renamed(event, at)
    case 'InodeFreed':
      return freed(event, at)
    case 'ContentChanged':
      return ofInode(event.ino, at, contentData(event, writtenExtents(at.command, event)))
    case 'ContentCut':
      return ofInode(event.ino, at, contentData(event, []))
    case 'AttributesChanged':
      return ofInode(event.ino, at, attributesData(event))
    case 'AccessTimeChanged':
      return ofInode(event.ino, at, timeData('atime', event.atime))
    default:
      return ofShare(event)
  }
}

type CreatedType = 'FileCreated' | 'DirectoryCreated' | 'SymlinkCreated' | 'SpecialFileCreated'
type Created = Extract<Event, { readonly type: CreatedType }>

function created(event: Created, { tree, share, seq }: Setting): Told {
  const { dir, name, ino, mode, uid, gid } = event
  const data = { inode: ino, kind: createdKind(event), mode: modeText(mode), owner: { uid, gid } }
  const target = 'target' in event ? pathFields('target', event.target) : {}
  const device = 'major' in event ? { device: { major: event.major, minor: event.minor } } : {}
  return ofName(tree.pathIn(share, dir, name, seq), { ...data, ...target, ...device })
}

function createdKind(event: Created): string {
  switch (event.type) {
    case 'FileCreated':
      return kindName(fileKind.regular)
    case 'DirectoryCreated':
      return kindName(fileKind.directory)
    case 'SymlinkCreated':
      return kindName(fileKind.symlink)
    case 'SpecialFileCreated':
      return kindName(event.kind)
  }
}

function linked({ dir, name, ino }: EventOf<'EntryLinked'>, at: Setting): Told {
  const { tree, share, seq } = at
  const kind = kindName(tree.kindOf(share, ino, seq))
  return ofName(tree.pathIn(share, dir, name, seq), { inode: ino, kind })
}

function removed({ dir, name, ino }: EventOf<'EntryUnlinked'>, at: Setting): Told {
  const { tree, share, seq, kinds, removed: gone } = at
  const kind = kindName(kinds.get(ino) ?? 0)
  return ofName(tree.pathIn(share, dir, name, seq), { inode: ino, kind, last: gone.has(ino) })
}

function renamed(event: EventOf<'EntryRenamed'>, { tree, share, seq }: Setting): Told {
  const { fromDir, fromName, toDir, toName, ino } = event
  const from = tree.pathIn(share, fromDir, fromName, seq)
  const to = tree.pathIn(share, toDir, toName, seq)
  const kind = tree.kindOf(share, ino, seq)
  const paths = [from, to].filter((path) => path !== undefined)
  return {
    paths,
    everywhere: paths.length < 2,
    tree: kind === fileKind.directory,
    subject: to,
    data: { ...pathFields('from', from), inode: ino, kind: kindName(kind) },
  }
}

function freed({ ino }: EventOf<'InodeFreed'>, { removed: gone, kinds }: Setting): Told {
  const path = gone.get(ino)
  const kind = kindName(kinds.get(ino) ?? 0)
  const paths = path === undefined ? [] : [path]
  return {
    paths,
    everywhere: false,
    tree: false,
    subject: path,
    data: { inode: ino, kind },
  }
}

/** Of one name. */
function ofName(path: string | undefined, data: Told['data']): Told {
  const paths = path === undefined ? [] : [path]
  return { paths, everywhere: path === undefined, tree: false, subject: path, data }
}

/** Of an object, under all its names. */
function ofInode(ino: number, { tree, share, seq }: Setting, data: Told['data']): Told {
  const names = tree.namesOf(share, ino, seq)
  const [subject] = names.paths
  const { paths, complete } = names
  return {
    paths,
    everywhere: !complete,
    tree: false,
    subject: subject === '' ? '/' : subject,
    data: { inode: ino, kind: kindName(names.kind), ...otherNames(names), ...data },
  }
}

function otherNames({ paths, complete }: Names): object {
  if (paths.length < 2 && complete) return {}
  const others = paths.slice(1).map(readable)
  return complete ? { otherPaths: others } : { otherPaths: others, otherPathsComplete: false }
}

function attributesData(event: EventOf<'AttributesChanged'>): Told['data'] {
  const { mode, uid, gid, atime, mtime } = event
  return {
    ...(mode !== undefined && { mode: modeText(mode) }),
    ...((uid !== undefined || gid !== undefined) && {
      owner: { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) },
    }),
    ...timeData('atime', atime),
    ...timeData('mtime', mtime),
  }
}

type Time = EventOf<'AccessTimeChanged'>['atime']

const timeData = (name: string, time: Time): Record<string, string> =>
  time === undefined ? {} : { [name]: timeName(time) }

function contentData(
  { size, mode }: EventOf<'ContentChanged'> | EventOf<'ContentCut'>,
  extents: readonly Extent[],
): Told['data'] {
  const holes = ranges(extents.filter(isHole))
  return {
    size,
    ranges: ranges(extents.filter((extent) => !isHole(extent))),
    ...(holes.length > 0 && { holes }),
    ...(mode !== undefined && { mode: modeText(mode) }),
  }
}

interface Range {
  readonly offset: number
  readonly length: number
}

/** What extents cover, neighbours as one. */
function ranges(extents: readonly Extent[]): readonly Range[] {
  let merged = joined(extents, 0)
  // What lies between is told as changed too, rather than not told of.
  for (let gap = 4096; merged.length > RANGES_MAX; gap *= 4) merged = joined(merged, gap)
  return merged
}

function joined(parts: readonly Range[], gap: number): readonly Range[] {
  const all: { offset: number; length: number }[] = []
  for (const { offset, length } of parts) {
    const last = all.at(-1)
    if (last !== undefined && offset - (last.offset + last.length) <= gap) {
      last.length = offset + length - last.offset
    } else {
      all.push({ offset, length })
    }
  }
  return all
}

/** Of a share itself: no path, and so in no subtree. */
function ofShare(event: Event): Told {
  const { type: _type, ...fields } = event as Event & Record<string, unknown>
  const { share: _share, name: _name, ...data } = fields as Record<string, unknown>
  if (typeof data['mode'] === 'number') data['mode'] = modeText(data['mode'])
  const about = { paths: [], everywhere: false, tree: false, subject: undefined }
  return { ...about, data }
}
