/**
 * Paths as they are while records go by in order. What the records themselves say is remembered;
 * what they do not say is looked up in the past, as of the record.
 */
import type { Event } from '../../journal/events.ts'
import { KiB, MiB } from '../../platform/limits.ts'
import { fileKind, type Inode, ROOT_INO } from '../../projections/inode.ts'
import { nodeId } from '../../projections/node-id.ts'
import type { StoredPast } from '../../projections/stored-past.ts'

interface Place {
  readonly dir: number
  readonly name: string
  /** fileKind[…] */
  readonly kind: number
}

/** What an inode is called. */
export interface Names {
  /** The first is the one to show. Empty: it is not in the tree. Bytes (latin1). */
  readonly paths: readonly string[]
  /** False: there are more, or they are too long. */
  readonly complete: boolean
  readonly kind: number
}

/** A longer path is not told: the tree that it is in is no use to anybody. */
const PATH_MAX = 32 * KiB
/** Names of one object that are told apart; an object with more is taken to be everywhere. */
const NAMES_MAX = 64
const PLACES_MAX = 20_000
const PATHS_MAX = 4 * MiB
const PATH_WEIGHT = 100
const NOWHERE: Names = { paths: [], complete: true, kind: 0 }

export class TreePaths {
  private readonly past: StoredPast
  /** Of objects with one name: where that is, right after the last record. */
  private readonly places = new Map<number, Place>()
  private readonly dirPaths = new Map<number, string>()
  private pathBytes = 0

  constructor(past: StoredPast) {
    this.past = past
  }

  /** Brings what is remembered behind an event. */
  learn(share: number, event: Event): void {
    switch (event.type) {
      case 'FileCreated':
        this.place(share, event.ino, { ...event, kind: fileKind.regular })
        break
      case 'DirectoryCreated':
        this.place(share, event.ino, { ...event, kind: fileKind.directory })
        break
      case 'SymlinkCreated':
        this.place(share, event.ino, { ...event, kind: fileKind.symlink })
        break
      case 'SpecialFileCreated':
        this.place(share, event.ino, event)
        break
      case 'EntryLinked':
      case 'EntryUnlinked':
        // Which of several names is the first one is looked up when it is needed.
        this.forget(share, event.ino)
        break
      case 'EntryRenamed':
        this.moved(share, event)
        break
      default:
    }
  }

  private place(share: number, ino: number, { dir, name, kind }: Place): void {
    if (this.places.size >= PLACES_MAX) this.places.clear()
    this.places.set(nodeId(share, ino), { dir, name, kind })
  }

  private forget(share: number, ino: number): void {
    const id = nodeId(share, ino)
    this.places.delete(id)
    if (this.dirPaths.has(id)) this.clearPaths()
  }

  private moved(share: number, event: Event & { readonly type: 'EntryRenamed' }): void {
    const known = this.places.get(nodeId(share, event.ino))
    this.forget(share, event.ino)
    if (known === undefined) return
    this.place(share, event.ino, { dir: event.toDir, name: event.toName, kind: known.kind })
  }

  private clearPaths(): void {
    this.dirPaths.clear()
    this.pathBytes = 0
  }

  /** What kind of object it is, right after record `seq`; 0 when it is not there. */
  kindOf(share: number, ino: number, seq: number): number {
    const known = this.places.get(nodeId(share, ino))
    return known?.kind ?? this.past.inode(share, ino, seq)?.kind ?? 0
  }

  /** All its names right after record `seq`, which is the last one that was learned. */
  namesOf(share: number, ino: number, seq: number): Names {
    if (ino === ROOT_INO) return { paths: [''], complete: true, kind: fileKind.directory }
    const known = this.places.get(nodeId(share, ino))
    if (known !== undefined) return this.named(share, [known], seq, known.kind)
    const inode = this.past.inode(share, ino, seq)
    if (inode === undefined || inode.nlink === 0) return NOWHERE
    const first = this.placeAt(share, inode.parent, inode.cookie, inode.kind, seq)
    if (first === undefined) return NOWHERE
    if (inode.kind === fileKind.directory || inode.nlink === 1) {
      this.place(share, ino, first)
      return this.named(share, [first], seq, inode.kind)
    }
    return this.named(share, [first, ...this.otherPlaces(share, ino, inode, seq)], seq, inode.kind)
  }

  private otherPlaces(share: number, ino: number, { kind }: Inode, seq: number): Place[] {
    return this.past
      .links(share, ino, seq, NAMES_MAX)
      .flatMap(({ dir, cookie }) => this.placeAt(share, dir, cookie, kind, seq) ?? [])
  }

  private placeAt(share: number, dir: number, cookie: number, kind: number, seq: number) {
    const listing = this.past.listing(share, dir, cookie, seq)
    return listing && { dir, name: listing.name, kind }
  }

  private named(share: number, places: readonly Place[], seq: number, kind: number): Names {
    const paths = places.flatMap(({ dir, name }) => this.pathIn(share, dir, name, seq) ?? [])
    return { paths, complete: paths.length === places.length && places.length <= NAMES_MAX, kind }
  }

  /** The path of a name in a directory; undefined: too long, or not in the tree. */
  pathIn(share: number, dir: number, name: string, seq: number): string | undefined {
    const above = this.dirPath(share, dir, seq)
    if (above === undefined || above.length + name.length >= PATH_MAX) return undefined
    return `${above}/${name}`
  }

  private dirPath(share: number, dir: number, seq: number): string | undefined {
    const below: { readonly id: number; readonly name: string }[] = []
    let path: string | undefined
    let length = 0
    for (let at = dir; path === undefined; ) {
      const id = nodeId(share, at)
      path = at === ROOT_INO ? '' : this.dirPaths.get(id)
      if (path !== undefined) break
      const place = this.dirPlace(share, at, seq)
      if (place === undefined) return undefined
      below.push({ id, name: place.name })
      length += place.name.length + 1
      if (length > PATH_MAX) return undefined
      at = place.dir
    }
    return this.rememberPaths(path, below.reverse())
  }

  /** All of a way or nothing of it: renaming a directory must find those below it. */
  private rememberPaths(from: string, below: readonly { id: number; name: string }[]): string {
    let path = from
    const weight = below.length * (PATH_WEIGHT + PATH_MAX / 64)
    if (this.pathBytes + weight > PATHS_MAX) this.clearPaths()
    const fits = weight <= PATHS_MAX
    for (const { id, name } of below) {
      path = `${path}/${name}`
      if (fits) this.dirPaths.set(id, path)
    }
    if (fits) this.pathBytes += weight
    return path
  }

  private dirPlace(share: number, dir: number, seq: number): Place | undefined {
    const known = this.places.get(nodeId(share, dir))
    if (known !== undefined) return known
    const inode = this.past.inode(share, dir, seq)
    if (inode === undefined) return undefined
    const place = this.placeAt(share, inode.parent, inode.cookie, inode.kind, seq)
    if (place !== undefined) this.place(share, dir, place)
    return place
  }
}
