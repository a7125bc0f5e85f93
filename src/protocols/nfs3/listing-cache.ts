/**
 * Pages of READDIRPLUS as they were last sent, for who asks for the same page again: a directory
 * that is listed is mostly listed again, and what a page says of names, cookies and handles holds
 * for as long as its directory does not change. Attributes are looked at each time, and written
 * again where the entry's row or its staged bytes say something new.
 *
 * Only of live shares that are no forks: there the record that gave a directory its present row is
 * the last one that changed its entries.
 */
import type { Engine } from '../../commands/engine.ts'
import type { StagedFile } from '../../content/staging.ts'
import { LISTINGS_CACHED } from '../../platform/limits.ts'
import { nodeId, shareOf } from '../../projections/node-id.ts'
import { compile } from '../../wire/compile.ts'
import { Writer } from '../../wire/writer.ts'
import { HANDLE_SIZE } from '../handle.ts'
import { fattr3Of } from './attributes.ts'
import { NOW, type Opened } from './context.ts'
import { fattr3 } from './wire-types.ts'

/** What a page depends on beside its directory. */
export interface PageRequest {
  readonly cookie: number
  readonly dircount: number
  readonly maxcount: number
}

const attributes = compile(fattr3)
const ATTRIBUTES = 84
/** An entry ends with its attributes, a flag, the handle's length and the handle. */
const ATTRIBUTES_BEFORE_END = ATTRIBUTES + 4 + 4 + HANDLE_SIZE
const scratch = new Writer(ATTRIBUTES)

/** No row has this seq: the attributes are to be written again next time. */
const STALE = -1
const ENTRY_WEIGHT = 24
const PAGE_WEIGHT = 500

/** One page while it is written for the first time. */
export class PageRecorder {
  readonly ids: number[] = []
  readonly seqs: number[] = []
  readonly ends: number[] = []
  private readonly engine: Engine
  /** False when something is in it that no table has. */
  whole = true

  constructor(engine: Engine) {
    this.engine = engine
  }

  /** An entry was written whose bytes end at `end`, counted from the page's first one. */
  add(share: number, ino: number, end: number): void {
    const id = nodeId(share, ino)
    const staged = this.engine.staging.find(id) !== undefined
    this.ids.push(id)
    this.seqs.push(staged ? STALE : this.engine.world.inodes.seenSeq(id, 0))
    this.ends.push(end)
  }
}

class Page {
  private readonly request: PageRequest
  private readonly ids: readonly number[]
  private readonly seqs: number[]
  private readonly ends: readonly number[]
  private readonly bytes: Buffer

  constructor(request: PageRequest, { ids, seqs, ends }: PageRecorder, bytes: Buffer) {
    this.request = request
    this.ids = ids
    this.seqs = seqs
    this.ends = ends
    this.bytes = bytes
  }

  answers({ dircount, maxcount }: PageRequest): boolean {
    return this.request.dircount === dircount && this.request.maxcount === maxcount
  }

  get weight(): number {
    return PAGE_WEIGHT + this.bytes.length + ENTRY_WEIGHT * this.ids.length
  }

  /** The page as it is now, or undefined when one of its entries is not what it was. */
  current({ world, staging }: Engine): Buffer | undefined {
    const { ids, seqs } = this
    const { inodes } = world
    const someStaged = staging.size > 0
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] as number
      const seq = inodes.seenSeq(id, 0)
      const staged = someStaged ? staging.find(id) : undefined
      if (seq === seqs[i] && staged === undefined) continue
      if (!this.rewrite(i, id, world, staged)) return undefined
      seqs[i] = staged === undefined ? seq : STALE
    }
    return this.bytes
  }

  private rewrite(
    i: number,
    id: number,
    { inodes }: Engine['world'],
    staged: StagedFile | undefined,
  ): boolean {
    const inode = inodes.get(id, 0)
    if (inode === undefined) return false
    const share = shareOf(id)
    scratch.reset()
    attributes.encode(scratch, fattr3Of(share, id - nodeId(share, 0), inode, staged))
    scratch.bytes.copy(this.bytes, (this.ends[i] as number) - ATTRIBUTES_BEFORE_END)
    return true
  }
}

/** Pages of one directory by the cookie that they go on from. */
interface Directory {
  /** The record that gave the directory its present row. */
  readonly seq: number
  /** undefined: was asked for once, and is kept when it is asked for again. */
  readonly pages: Map<number, Page | undefined>
  weight: number
}

const DIRECTORY_WEIGHT = 300
const ASKED_WEIGHT = 60

export class ListingCache {
  private readonly engine: Engine
  /** The one that was used last comes last. */
  private readonly directories = new Map<number, Directory>()
  private readonly limit: number
  private weight = 0

  constructor(engine: Engine, limit = LISTINGS_CACHED) {
    this.engine = engine
    this.limit = limit
  }

  get bytes(): number {
    return this.weight
  }

  /**
   * The bytes of a page, valid until the next call; or what is to be told of its entries while it
   * is written; or undefined when it is not to be kept.
   */
  page(dir: Opened, request: PageRequest): Buffer | PageRecorder | undefined {
    if (dir.asOf !== NOW || dir.share.base !== undefined) return undefined
    const id = nodeId(dir.share.id, dir.ino)
    const directory = this.directory(id)
    const page = directory.pages.get(request.cookie)
    if (page?.answers(request)) {
      const bytes = page.current(this.engine)
      if (bytes !== undefined) return bytes
    }
    if (page !== undefined || directory.pages.has(request.cookie)) {
      return new PageRecorder(this.engine)
    }
    if (directory.weight + ASKED_WEIGHT > this.limit) return undefined
    this.charge(directory, ASKED_WEIGHT)
    directory.pages.set(request.cookie, undefined)
    this.evict(id)
    return undefined
  }

  private directory(id: number): Directory {
    const seq = this.engine.world.inodes.seenSeq(id, 0)
    let directory = this.directories.get(id)
    if (directory !== undefined) {
      this.directories.delete(id)
      if (directory.seq !== seq) this.weight -= directory.weight
    }
    if (directory?.seq !== seq) {
      directory = { seq, pages: new Map(), weight: 0 }
      this.charge(directory, DIRECTORY_WEIGHT)
    }
    this.directories.set(id, directory)
    return directory
  }

  /** Keeps a copy of what was recorded: everything from the page's first entry on. */
  keep(dir: Opened, request: PageRequest, recorder: PageRecorder, bytes: Buffer): void {
    if (!recorder.whole) return
    const id = nodeId(dir.share.id, dir.ino)
    const directory = this.directories.get(id)
    if (directory === undefined) return
    const before = directory.pages.get(request.cookie)
    const page = new Page(request, recorder, Buffer.from(bytes))
    const difference = page.weight - (before?.weight ?? 0)
    if (directory.weight + difference > this.limit) return
    this.charge(directory, difference)
    directory.pages.set(request.cookie, page)
    this.evict(id)
  }

  private charge(directory: Directory, weight: number): void {
    directory.weight += weight
    this.weight += weight
  }

  /** Forgets the directories that were not used for longest, but never `id`. */
  private evict(id: number): void {
    for (const [oldest, { weight }] of this.directories) {
      if (this.weight <= this.limit || oldest === id) return
      this.directories.delete(oldest)
      this.weight -= weight
    }
  }
}
