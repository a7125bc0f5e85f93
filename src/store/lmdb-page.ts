/**
 * The pages of an LMDB file (data version 2, as liblmdb/mdb.c of lmdb-js 3.5 lays them out on
 * 64-bit little-endian machines), read without LMDB: it trusts its files and follows a damaged
 * pointer out of the process. Nothing here reads outside of the bytes that it is given.
 *
 *   page     0 number u64   8 transaction u64   16 key size u16   18 flags u16
 *            20 lower u16, 22 upper u16, or of an overflow page 20 its pages u32
 *            24 offsets of nodes, u16 each, from 24 on, `lower` bytes; nodes lie behind `upper`
 *   node     0 size of the data (in a branch: page below, with 4) u32   4 flags u16
 *            6 size of the key u16   8 key, then the data
 *   overflow 0 first page u64   8 transaction u64   16 pages u64: the data of a large node
 *   meta     24 magic u32   28 version u32   40 map size u64   48 free tree   96 main tree
 *            144 last page u64   152 transaction u64
 *   tree     0 key size u32 (of the free tree: page size)   4 flags u16   6 depth u16
 *            8 branch pages, 16 leaf pages, 24 overflow pages, 32 entries, 40 root: u64 each
 */
export const PAGE_HEADER = 24
const NODE_HEADER = 8
const MAGIC = 0xbeefc0de
const VERSION = 2

export const pageFlags = { branch: 1, leaf: 2, overflow: 4, meta: 8 } as const
const LASTING_FLAGS = 0x2f
const nodeFlags = { big: 1, tree: 2 } as const
/** Deeper trees than this hold more than any disk. */
const DEPTH_MAX = 32
export const META_BYTES = 168
const TREE_BYTES = 48
const OVERFLOW_BYTES = 24
export const NO_PAGE = Number.MAX_SAFE_INTEGER

export interface Tree {
  readonly depth: number
  readonly branchPages: number
  readonly leafPages: number
  readonly overflowPages: number
  readonly entries: number
  /** NO_PAGE when it is empty. */
  readonly root: number
}

export interface Meta {
  readonly pageSize: number
  readonly lastPage: number
  readonly txn: number
  readonly free: Tree
  readonly main: Tree
}

export interface Node {
  readonly key: Buffer
  /** Of a branch: the page below. */
  readonly child: number
  /** Of a leaf: its data as far as it lies here; of a large one, where it lies. */
  readonly data: Buffer
  readonly large:
    | { readonly page: number; readonly pages: number; readonly size: number }
    | undefined
  /** Of a node that is a tree of its own. */
  readonly tree: Tree | undefined
  /** Of the data, from the beginning of the page. */
  readonly at: number
}

export interface Bounds {
  /** Keys of what hangs below a page are not below this one, and below that one. */
  readonly from: Buffer | undefined
  readonly to: Buffer | undefined
}

/** What is wrong with a page, in words. */
export class PageError extends Error {
  override readonly name = 'PageError'
}

/** Larger numbers than a file can mean are all the same. */
function u64(bytes: Buffer, at: number): number {
  const high = bytes.readUInt32LE(at + 4)
  return high > 0x1fffff ? NO_PAGE : high * 2 ** 32 + bytes.readUInt32LE(at)
}

function readTree(bytes: Buffer, at: number): Tree {
  return {
    depth: bytes.readUInt16LE(at + 6),
    branchPages: u64(bytes, at + 8),
    leafPages: u64(bytes, at + 16),
    overflowPages: u64(bytes, at + 24),
    entries: u64(bytes, at + 32),
    root: u64(bytes, at + 40),
  }
}

/** Throws PageError when it cannot be a meta page. */
export function readMeta(bytes: Buffer): Meta {
  if (bytes.length < META_BYTES) throw new PageError('the file ends within it')
  const meta = (bytes.readUInt16LE(18) & pageFlags.meta) !== 0
  if (!meta || bytes.readUInt32LE(24) !== MAGIC) throw new PageError('it is no meta page')
  const version = bytes.readUInt32LE(28) & 0xffff
  if (version !== VERSION) throw new PageError(`it has version ${version}, not ${VERSION}`)
  const pageSize = bytes.readUInt32LE(48)
  if (pageSize < 512 || pageSize > 65536 || !Number.isInteger(Math.log2(pageSize))) {
    throw new PageError(`it says that pages have ${pageSize} bytes`)
  }
  return {
    pageSize,
    free: readTree(bytes, 48),
    main: readTree(bytes, 96),
    lastPage: u64(bytes, 144),
    txn: u64(bytes, 152),
  }
}

/** Checks that a tree could be one before anything relies on it. */
export function checkTree({ depth, root, entries }: Tree): void {
  if (root === NO_PAGE ? depth !== 0 || entries !== 0 : depth === 0 || depth > DEPTH_MAX) {
    throw new PageError(`a tree of depth ${depth} with ${entries} entries and root ${root}`)
  }
}

/** What every page says about itself. */
export function checkHeader(bytes: Buffer, page: number, txn: number, flags: number): void {
  if (bytes.length < PAGE_HEADER) throw new PageError('the file ends before it')
  const number = u64(bytes, 0)
  if (number !== page) throw new PageError(`it says that it is page ${shown(number)}`)
  if (u64(bytes, 8) > txn) throw new PageError('it is of a transaction that never was')
  const found = bytes.readUInt16LE(18) & LASTING_FLAGS
  if (found !== flags) throw new PageError(`it has the flags ${found}, not ${flags}`)
}

/**
 * Nodes of a branch or leaf page whose header was checked. Throws PageError at the first bad one.
 */
export function* nodesOf(bytes: Buffer, branch: boolean): Iterable<Node> {
  const lower = bytes.readUInt16LE(20)
  const upper = bytes.readUInt16LE(22)
  const room = bytes.length - PAGE_HEADER
  if (lower % 2 !== 0 || lower > upper || upper > room) {
    throw new PageError(`its nodes lie between ${lower} and ${upper} of ${room}`)
  }
  if (lower === 0) throw new PageError('it is empty')
  for (let at = PAGE_HEADER; at < PAGE_HEADER + lower; at += 2) {
    const offset = bytes.readUInt16LE(at)
    if (offset < upper || offset + NODE_HEADER > room) {
      throw new PageError(`a node lies at ${offset}`)
    }
    yield nodeAt(bytes, PAGE_HEADER + offset, branch)
  }
}

/**
 * The number of nodes of a leaf page, when they are all plain values, lie where they may, and their
 * keys ascend from `from` on and stay below `to`. Undefined when it is another page, or one that
 * `nodesOf` and `checkOrder` throw at: they say why. Much faster than those, since no node
 * becomes an object: a start behind a crash looks at every page.
 */
export function plainNodes(bytes: Buffer, { from, to }: Bounds): number | undefined {
  const lower = u16(bytes, 20)
  const upper = u16(bytes, 22)
  const room = bytes.length - PAGE_HEADER
  if (lower === 0 || lower % 2 !== 0 || lower > upper || upper > room) return undefined
  let [lastAt, lastEnd] = [0, 0]
  for (let at = PAGE_HEADER; at < PAGE_HEADER + lower; at += 2) {
    const offset = u16(bytes, at)
    if (offset < upper || offset + NODE_HEADER > room) return undefined
    const node = PAGE_HEADER + offset
    const keyAt = node + NODE_HEADER
    const keyEnd = keyAt + u16(bytes, node + 6)
    const end = keyEnd + u16(bytes, node) + u16(bytes, node + 2) * 65536
    if (u16(bytes, node + 4) !== 0 || end > bytes.length) return undefined
    const ascends =
      at === PAGE_HEADER
        ? from === undefined || order(bytes, keyAt, keyEnd, from, 0, from.length) >= 0
        : order(bytes, keyAt, keyEnd, bytes, lastAt, lastEnd) > 0
    if (!ascends) return undefined
    lastAt = keyAt
    lastEnd = keyEnd
  }
  if (to !== undefined && order(bytes, lastAt, lastEnd, to, 0, to.length) >= 0) return undefined
  return lower / 2
}

/** Ascending, and within what the page above says. The first key of a branch says nothing. */
export function checkOrder(nodes: readonly Node[], branch: boolean, { from, to }: Bounds): void {
  let last = from
  let strict = false
  for (const { key } of branch ? nodes.slice(1) : nodes) {
    const order = last === undefined ? 1 : Buffer.compare(key, last)
    if (order < 0 || (strict && order === 0)) throw new PageError('its keys do not ascend')
    last = key
    strict = true
  }
  if (to !== undefined && last !== undefined && strict && Buffer.compare(last, to) >= 0) {
    throw new PageError('its keys reach over those of the next page')
  }
}

const u16 = (bytes: Buffer, at: number): number =>
  (bytes[at] as number) | ((bytes[at + 1] as number) << 8)

/** As memcmp, and the shorter one first. A loop: most keys differ within a few bytes. */
function order(
  a: Buffer,
  aFrom: number,
  aEnd: number,
  b: Buffer,
  bFrom: number,
  bEnd: number,
): number {
  const length = Math.min(aEnd - aFrom, bEnd - bFrom)
  for (let i = 0; i < length; i++) {
    const difference = (a[aFrom + i] as number) - (b[bFrom + i] as number)
    if (difference !== 0) return difference
  }
  return aEnd - aFrom - (bEnd - bFrom)
}

/**
 * Pages of a list of free ones: its length, and as many numbers, of which 0 is nothing and -n says
 * that n pages begin at the next number.
 */
export function* freeRuns(list: Buffer | undefined): Iterable<{ page: number; pages: number }> {
  if (list === undefined || list.length < 8) throw new PageError('a list is cut')
  const numbers = signed(list, 0)
  if (numbers < 0 || 8 * (numbers + 1) > list.length) throw new PageError('a list is cut')
  let pages = 1
  for (let i = 1; i <= numbers; i++) {
    const number = signed(list, 8 * i)
    if (number < 0) pages = -number
    else {
      if (number > 0) yield { page: number, pages }
      pages = 1
    }
  }
}

const signed = (bytes: Buffer, at: number): number =>
  bytes.readInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at)

function nodeAt(bytes: Buffer, at: number, branch: boolean): Node {
  const low = bytes.readUInt32LE(at)
  const flags = bytes.readUInt16LE(at + 4)
  const keyEnd = at + NODE_HEADER + bytes.readUInt16LE(at + 6)
  if (keyEnd > bytes.length) throw new PageError('a key reaches over the end of the page')
  const key = bytes.subarray(at + NODE_HEADER, keyEnd)
  const none = bytes.subarray(0, 0)
  if (branch) {
    const child = flags * 2 ** 32 + low
    return { key, child, data: none, large: undefined, tree: undefined, at: keyEnd }
  }
  if ((flags & ~(nodeFlags.big | nodeFlags.tree)) !== 0) {
    throw new PageError(`a node has the flags ${flags}`)
  }
  const big = (flags & nodeFlags.big) !== 0
  const end = keyEnd + (big ? OVERFLOW_BYTES : low)
  if (end > bytes.length) throw new PageError('a value reaches over the end of the page')
  const isTree = (flags & nodeFlags.tree) !== 0
  if (isTree && (big || low !== TREE_BYTES)) throw new PageError(`a tree of ${low} bytes`)
  const large = big
    ? { page: u64(bytes, keyEnd), pages: u64(bytes, keyEnd + 16), size: low }
    : undefined
  const tree = isTree ? readTree(bytes, keyEnd) : undefined
  return { key, child: 0, data: big ? none : bytes.subarray(keyEnd, end), large, tree, at: keyEnd }
}

export const shown = (page: number): string => (page === NO_PAGE ? 'beyond counting' : String(page))
