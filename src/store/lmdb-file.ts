/**
 * An LMDB file checked, and read as far as it is whole, without LMDB: what is damaged is reported
 * and passed over. Memory: a page for each level of a tree, and a bit for each page of the file.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import {
  type Bounds,
  checkHeader,
  checkOrder,
  checkTree,
  freeRuns,
  META_BYTES,
  type Meta,
  NO_PAGE,
  type Node,
  nodesOf,
  PAGE_HEADER,
  PageError,
  pageFlags,
  plainNodes,
  readMeta,
  shown,
  type Tree,
} from './lmdb-page.ts'
import { nameOf } from './map-name.ts'

export interface PageProblem {
  readonly page: number
  /** Of the page, in the file. */
  readonly at: number
  readonly what: string
}

export interface FileEntry {
  readonly key: Buffer
  /** Of its value, in the file. */
  readonly at: number
  readonly size: number
  /** Undefined when it lies on pages that are damaged. */
  readonly value: () => Buffer | undefined
  readonly tree: Tree | undefined
}

interface Counts {
  branchPages: number
  leafPages: number
  overflowPages: number
  entries: number
}

/** Lists of free pages have numbers as keys, which do not ascend as bytes. */
type Walk = 'entries' | 'pages' | 'free'

const SLACK_PAGES = 100_000
const PAGE_SIZES = [4096, 8192, 16384, 32768, 65536]

export class LmdbFile {
  private readonly fd: number
  private readonly size: number
  private readonly meta: Meta
  private readonly seen: Uint8Array
  private readonly onProblem: (problem: PageProblem) => void
  private damaged = false
  private reused: Buffer | undefined

  /**
   * Throws PageError when there is no way in. `onProblem` hears of each damaged page, once.
   */
  constructor(path: string, onProblem: (problem: PageProblem) => void) {
    this.onProblem = onProblem
    this.fd = openSync(path, 'r')
    try {
      this.size = fstatSync(this.fd).size
      this.meta = this.newestMeta()
      const { lastPage, pageSize } = this.meta
      // Free pages at the end need not be in the file, but they were once.
      if (lastPage > 4 * Math.ceil(this.size / pageSize) + SLACK_PAGES) {
        throw new PageError(`its last page is said to be ${shown(lastPage)}`)
      }
      this.seen = new Uint8Array(Math.ceil((lastPage + 1) / 8))
    } catch (error) {
      closeSync(this.fd)
      throw error
    }
  }

  /** Whether nothing was wrong with all that was looked at. */
  get whole(): boolean {
    return !this.damaged
  }

  get main(): Tree {
    return this.meta.main
  }

  get free(): Tree {
    return this.meta.free
  }

  private problem(page: number, what: string): void {
    this.damaged = true
    this.onProblem({ page, at: page * (this.meta?.pageSize ?? 0), what })
  }

  private bytes(at: number, length: number, into: Buffer = Buffer.allocUnsafeSlow(length)): Buffer {
    let done = 0
    while (done < length) {
      const n = readSync(this.fd, into, done, length - done, at + done)
      if (n === 0) break
      done += n
    }
    return into.subarray(0, done)
  }

  /** Commits alternate between the first two pages: the other one is that of the commit before. */
  private newestMeta(): Meta {
    const first = this.metaAt(0)
    const pageSize = first instanceof PageError ? this.pageSizeFromSecond() : first.pageSize
    const second = this.metaAt(pageSize)
    if (first instanceof PageError) this.problem(0, first.message)
    if (second instanceof PageError) this.problem(1, second.message)
    const [a, b] = [first, second].filter((meta): meta is Meta => !(meta instanceof PageError))
    if (a === undefined) throw new PageError('both of its first pages are damaged')
    const newest = b !== undefined && b.txn > a.txn ? b : a
    if (b !== undefined && Math.abs(a.txn - b.txn) > 1) {
      this.problem(0, `its first pages are of transactions ${shown(a.txn)} and ${shown(b.txn)}`)
    }
    return newest
  }

  private metaAt(at: number): Meta | PageError {
    try {
      return readMeta(this.bytes(at, META_BYTES))
    } catch (error) {
      if (error instanceof PageError) return error
      throw error
    }
  }

  private pageSizeFromSecond(): number {
    return PAGE_SIZES.find((size) => !(this.metaAt(size) instanceof PageError)) ?? 4096
  }

  /**
   * Everything that hangs on the file: its main tree and the named ones in it. Then, that what is
   * free is not in use too: the next commit would write over it.
   */
  *all(): Iterable<FileEntry> {
    for (const entry of this.mainEntries()) {
      if (entry.tree === undefined) yield entry
      else yield* this.entries(entry.tree)
    }
    this.checkFree()
  }

  /** Looks at what `all` looks at, one page or entry after the other, without saying what it is. */
  *pages(): Iterable<unknown> {
    for (const entry of this.mainEntries()) {
      if (entry.tree === undefined) yield
      else yield* this.walk(entry.tree, 'pages')
    }
    this.checkFree()
  }

  /** The root of each tree that is named in the main tree's first leaf, and of the main tree. */
  *roots(): Iterable<Tree> {
    const { main } = this.meta
    // Of a main tree that is one page, looking for names is looking at its root.
    const trees = main.depth === 1 ? this.named().values() : [main]
    for (const tree of trees) {
      if (tree.root === NO_PAGE) continue
      const bounds: Bounds = { from: undefined, to: undefined }
      this.nodes(tree.root, tree.depth > 1, bounds, true)
      yield tree
    }
  }

  private checkFree(): void {
    const lists = [...this.walk(this.meta.free, 'free')] as FileEntry[]
    for (const { at, value } of lists) this.checkFreeList(value(), at)
  }

  private checkFreeList(list: Buffer | undefined, at: number): void {
    try {
      for (const { page, pages } of freeRuns(list)) this.claim(page, pages, Infinity)
    } catch (error) {
      if (!(error instanceof PageError)) throw error
      this.problem(Math.floor(at / this.meta.pageSize), `of what is free ${error.message}`)
    }
  }

  /** The trees of the main tree, by name: maps of a store. */
  named(): Map<string, Tree> {
    const trees = new Map<string, Tree>()
    for (const { key, tree } of this.mainEntries()) {
      const name = tree && mapName(key)
      if (name !== undefined) trees.set(name, tree as Tree)
    }
    return trees
  }

  /** Either all of them are trees, whose names are whole, or none is. */
  private *mainEntries(): Iterable<FileEntry> {
    let first: boolean | undefined
    for (const entry of this.entries(this.meta.main)) {
      const { key, at, tree } = entry
      const isTree = tree !== undefined
      first ??= isTree
      const page = Math.floor(at / this.meta.pageSize)
      if (isTree !== first) this.problem(page, 'it has both values and trees')
      else if (isTree && mapName(key) === undefined) {
        this.problem(page, `a tree has the name ${JSON.stringify(key.toString('latin1'))}`)
      }
      yield entry
    }
  }

  /** Entries of a tree in the order of their keys. Each page is expected once in all. */
  entries(tree: Tree): Iterable<FileEntry> {
    return this.walk(tree, 'entries') as Iterable<FileEntry>
  }

  /** Undefined is a page of entries that need no closer look. */
  private *walk(tree: Tree, how: Walk): Iterable<FileEntry | undefined> {
    const before = this.damaged
    this.damaged = false
    const counts: Counts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 }
    try {
      checkTree(tree)
      if (tree.root !== NO_PAGE) {
        const bounds: Bounds = { from: undefined, to: undefined }
        yield* this.below(tree.root, tree.depth, bounds, how, counts)
      }
    } catch (error) {
      if (!(error instanceof PageError)) throw error
      this.problem(0, error.message)
    }
    if (!this.damaged) this.compareCounts(tree, counts)
    this.damaged ||= before
  }

  private compareCounts(tree: Tree, counts: Counts): void {
    for (const name of ['branchPages', 'leafPages', 'overflowPages', 'entries'] as const) {
      if (tree[name] === counts[name]) continue
      this.problem(0, `a tree counts ${shown(tree[name])} ${name}, and has ${counts[name]}`)
      return
    }
  }

  private *below(
    page: number,
    depth: number,
    bounds: Bounds,
    how: Walk,
    counts: Counts,
  ): Iterable<FileEntry | undefined> {
    if (depth === 1) {
      yield* this.leaf(page, bounds, how, counts)
      return
    }
    const nodes = this.nodes(page, true, bounds, how !== 'free')
    if (nodes === undefined) return
    counts.branchPages += 1
    for (const [i, { child, key }] of nodes.entries()) {
      const to = nodes[i + 1]?.key ?? bounds.to
      const from = i === 0 ? bounds.from : key
      yield* this.below(child, depth - 1, { from, to }, how, counts)
    }
  }

  private *leaf(
    page: number,
    bounds: Bounds,
    how: Walk,
    counts: Counts,
  ): Iterable<FileEntry | undefined> {
    const bytes = this.page(page, pageFlags.leaf, how === 'pages' ? this.scratch() : undefined)
    if (bytes === undefined) return
    const plain = how === 'pages' ? plainNodes(bytes, bounds) : undefined
    if (plain !== undefined) {
      counts.leafPages += 1
      counts.entries += plain
      yield
      return
    }
    const nodes = this.nodesIn(bytes, page, false, bounds, how !== 'free')
    if (nodes === undefined) return
    counts.leafPages += 1
    for (const node of nodes) {
      counts.entries += 1
      counts.overflowPages += node.large?.pages ?? 0
      yield this.entryOf(page, node)
    }
  }

  private scratch(): Buffer {
    this.reused ??= Buffer.allocUnsafeSlow(this.meta.pageSize)
    return this.reused
  }

  private nodes(
    page: number,
    branch: boolean,
    bounds: Bounds,
    ordered: boolean,
  ): readonly Node[] | undefined {
    const bytes = this.page(page, branch ? pageFlags.branch : pageFlags.leaf)
    return bytes && this.nodesIn(bytes, page, branch, bounds, ordered)
  }

  /** Undefined when the page is damaged: nothing on it is believed. */
  private nodesIn(
    bytes: Buffer,
    page: number,
    branch: boolean,
    bounds: Bounds,
    ordered: boolean,
  ): readonly Node[] | undefined {
    try {
      const nodes = [...nodesOf(bytes, branch)]
      if (ordered) checkOrder(nodes, branch, bounds)
      for (const { large } of nodes) if (large !== undefined) this.checkLarge(large)
      return nodes
    } catch (error) {
      if (!(error instanceof PageError)) throw error
      this.problem(page, error.message)
      return undefined
    }
  }

  /** Undefined when what it says of itself is not what hangs here. */
  private page(page: number, flags: number, into?: Buffer): Buffer | undefined {
    try {
      this.claim(page, 1)
      const { pageSize, txn } = this.meta
      const bytes = this.bytes(page * pageSize, pageSize, into)
      checkHeader(bytes, page, txn, flags)
      if (bytes.length < pageSize) throw new PageError('the file ends within it')
      return bytes
    } catch (error) {
      if (!(error instanceof PageError)) throw error
      this.problem(page, error.message)
      return undefined
    }
  }

  /** A page that two things hang on belongs to one of them at most. */
  private claim(page: number, pages: number, size = this.size): void {
    const { lastPage, pageSize } = this.meta
    if (page < 2 || page + pages - 1 > lastPage) {
      throw new PageError(`a pointer leads to page ${shown(page)}, and the last is ${lastPage}`)
    }
    if ((page + pages) * pageSize > size) {
      throw new PageError(`the file ends before page ${page + pages - 1}`)
    }
    for (let p = page; p < page + pages; p++) {
      const bit = 1 << (p & 7)
      if (((this.seen[p >>> 3] as number) & bit) !== 0) {
        throw new PageError(`two pointers lead to page ${p}`)
      }
      this.seen[p >>> 3] = (this.seen[p >>> 3] as number) | bit
    }
  }

  private checkLarge({ page, pages, size }: NonNullable<Node['large']>): void {
    const { pageSize, txn } = this.meta
    if (pages < 1 || PAGE_HEADER + size > pages * pageSize) {
      throw new PageError(`a value of ${size} bytes on ${shown(pages)} pages`)
    }
    this.claim(page, pages)
    const header = this.bytes(page * pageSize, PAGE_HEADER)
    checkHeader(header, page, txn, pageFlags.overflow)
    if (header.readUInt32LE(20) !== pages) throw new PageError('a large value has other pages')
  }

  private entryOf(page: number, { key, data, large, tree, at }: Node): FileEntry {
    const { pageSize } = this.meta
    if (large === undefined) {
      const value = () => data
      return { key, at: page * pageSize + at, size: data.length, value, tree }
    }
    const start = large.page * pageSize + PAGE_HEADER
    const value = () => {
      const bytes = this.bytes(start, large.size)
      return bytes.length === large.size ? bytes : undefined
    }
    return { key, at: start, size: large.size, value, tree }
  }

  close(): void {
    closeSync(this.fd)
  }
}

/** Names are stored with the zero that ends them. */
const mapName = (key: Buffer): string | undefined =>
  nameOf(key.toString('latin1').replace(/\0$/, ''))
