/**
 * How many bytes of content only the past of a share refers to, and since when: what retention by
 * bytes goes by. A block counts whole, once, until the last record at which something of the share
 * referred to it; what anything live refers to does not count.
 */
import type { Store } from '../store/store.ts'
import { nodeId } from './node-id.ts'
import { groupOfKey, putGroup, RowCodec, seqOfRow } from './row-codec.ts'
import { extentSchema } from './rows.ts'

export interface PastBlocksOptions {
  readonly store: Store
  /** The first record that a content, which is a share's node, is garbage from; 0: it is not. */
  readonly graveOf: (content: number) => number
  /** Between two bounded pieces of work. */
  readonly pause: () => Promise<void>
  /** Blocks remembered at once; with more of them the rows are gone through several times. */
  readonly blocksMax?: number
}

/** What may hold more blocks than it was given, never less. */
export interface BlockSet {
  add(block: string): void
  has(block: string): boolean
}

/** The past content of a share by the record that it ends at. */
export interface PastContent {
  /** Bytes that only the past after record `floor` refers to. */
  readonly bytes: number
  /** The least record that may be forgotten so that no more than `limit` bytes are left. */
  horizonFor(limit: number): number
}

const CHUNK = 1000
const BLOCKS_MAX = 200_000
/** Steps in which a horizon moves: what is forgotten beyond need is a part in so many. */
const BUCKETS = 8192
const ALL: readonly [Buffer, Buffer] = [Buffer.alloc(1), Buffer.alloc(32, 0xff)]

interface Reference {
  readonly block: string
  /** Bytes of the block up to the end of what is referred to. */
  readonly end: number
  /** The record from which on nothing refers to it thereby; 0: something live does. */
  readonly until: number
}

export class PastBlocks {
  private readonly options: PastBlocksOptions
  private readonly codec = new RowCodec(extentSchema)

  constructor(options: PastBlocksOptions) {
    this.options = options
  }

  /** Adds every block that something live refers to, in any share. */
  async addLive(live: BlockSet): Promise<void> {
    for await (const { block, until } of this.references('extents', ALL)) {
      if (until === 0) live.add(block)
    }
  }

  /** `floor`: what ended by then is forgotten anyway. `now`: the last record there is. */
  async of(share: number, live: BlockSet, floor: number, now: number): Promise<PastContent> {
    const width = Math.max(1, Math.ceil((now - floor) / BUCKETS))
    const sums = new Float64Array(BUCKETS + 1)
    for (let parts = 1; ; parts *= 4) {
      sums.fill(0)
      let whole = true
      for (let part = 0; part < parts && whole; part++) {
        const blocks = await this.blocksOf(share, live, floor, [part, parts])
        whole = blocks !== undefined
        for (const { until, end } of blocks?.values() ?? []) {
          const bucket = Math.min(BUCKETS, Math.floor((until - floor - 1) / width))
          sums[bucket] = (sums[bucket] as number) + end
        }
      }
      if (whole) return content(sums, floor, width, now)
    }
  }

  /** The last reference to each block of a part of them; undefined when they are too many. */
  private async blocksOf(
    share: number,
    live: BlockSet,
    floor: number,
    [part, parts]: readonly [part: number, parts: number],
  ): Promise<ReadonlyMap<string, Reference> | undefined> {
    const blocks = new Map<string, Reference>()
    const [from, to] = [Buffer.alloc(8), Buffer.alloc(8)]
    putGroup(from, nodeId(share, 0))
    putGroup(to, nodeId(share + 1, 0))
    // Rows go from the live map to the past one meanwhile, never back.
    for (const map of ['extents', 'extents@'] as const) {
      for await (const reference of this.references(map, [from, to])) {
        const { block, until, end } = reference
        if (until <= floor || partOf(block) % parts !== part || live.has(block)) continue
        const known = blocks.get(block)
        const last = Math.max(until, known?.until ?? 0)
        blocks.set(block, { block, until: last, end: Math.max(end, known?.end ?? 0) })
        if (blocks.size > (this.options.blocksMax ?? BLOCKS_MAX)) return undefined
      }
    }
    return blocks
  }

  private async *references(
    map: 'extents' | 'extents@',
    [start, to]: readonly [Buffer, Buffer],
  ): AsyncIterable<Reference> {
    const { store, pause } = this.options
    for (let from = start; ; ) {
      const references: Reference[] = []
      let [count, last] = [0, from]
      for (const { key, value } of store.map(map).range(from, to)) {
        const reference = this.referenceOf(map, key, value)
        if (reference !== undefined) references.push(reference)
        last = key
        count += 1
        if (count === CHUNK) break
      }
      yield* references
      if (count < CHUNK) return
      // Right behind it: a key is never followed by nothing but a zero byte.
      from = Buffer.concat([last, Buffer.alloc(1)])
      await pause()
      store.refresh()
    }
  }

  private referenceOf(map: string, key: Buffer, value: Buffer): Reference | undefined {
    const { block, blockOffset, length } = this.codec.decode(value)
    if (block === '') return undefined
    const grave = this.options.graveOf(groupOfKey(key))
    const until = map === 'extents' ? grave : seqOfRow(value)
    return { block, end: blockOffset + length, until }
  }
}

/** Blocks are named by a hash: any of its bytes spread them evenly. */
const partOf = (block: string): number => block.charCodeAt(30) * 256 + block.charCodeAt(31)

function content(sums: Float64Array, floor: number, width: number, now: number): PastContent {
  const bytes = sums.reduce((sum, part) => sum + part, 0)
  return {
    bytes,
    horizonFor(limit) {
      let left = bytes
      for (let bucket = 0; bucket <= BUCKETS; bucket++) {
        if (left <= limit) return Math.min(now, floor + bucket * width)
        left -= sums[bucket] as number
      }
      return now
    },
  }
}
