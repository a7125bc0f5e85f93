/** Which content only the past refers to, against a plain count of every reference. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { nodeId } from '../../src/projections/node-id.ts'
import { type BlockSet, PastBlocks } from '../../src/projections/past-blocks.ts'
import { pastKey, pastRow, RowCodec } from '../../src/projections/row-codec.ts'
import { extentSchema } from '../../src/projections/rows.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'

const codec = new RowCodec(extentSchema)
const pause = async () => undefined
const NOW = 10_000

const blockOf = (n: number) => createHash('sha256').update(String(n)).digest('latin1')

function keyOf(group: number, offset: number): Buffer {
  const key = Buffer.alloc(16)
  key.writeUInt32BE(Math.floor(group / 2 ** 32), 0)
  key.writeUInt32BE(group % 2 ** 32, 4)
  key.writeUInt32BE(offset, 12)
  return key
}

interface Row {
  readonly share: number
  readonly content: number
  readonly offset: number
  readonly from: number
  /** 0: it is in force. */
  readonly until: number
  readonly block: number
  readonly blockOffset: number
  readonly length: number
}

function storeOf(rows: readonly Row[]): MemoryStore {
  const store = new MemoryStore()
  store.commit((writer) => {
    for (const { share, content, offset, from, until, block, ...rest } of rows) {
      const key = keyOf(nodeId(share, content), offset)
      const value = { block: block < 0 ? '' : blockOf(block), ...rest }
      const row = Buffer.from(codec.encode(from, value))
      if (until === 0) writer.put('extents', key, row)
      else writer.put('extents@', pastKey(key, from), pastRow(row, until))
    }
  })
  return store
}

class Blocks extends Set<string> implements BlockSet {}

const randomRows = (random: SeededRandom): Row[] =>
  Array.from({ length: 3000 }, (_, i) => {
    const from = random.between(1, 5000)
    return {
      share: random.between(1, 2),
      content: random.between(1, 50),
      offset: i,
      from,
      until: random.chance(0.3) ? 0 : random.between(from + 1, NOW),
      block: random.below(900) - 20,
      blockOffset: random.below(3) * 4096,
      length: random.between(1, 4) * 4096,
    }
  })

/** The same by hand: each block's last reference, of those that ended after `floor`. */
function expected(
  rows: readonly Row[],
  graves: ReadonlyMap<number, number>,
  share: number,
  floor = 0,
) {
  const untilOf = (row: Row) => row.until || (graves.get(nodeId(row.share, row.content)) ?? 0)
  const live = new Set(rows.filter((row) => untilOf(row) === 0).map(({ block }) => block))
  const blocks = new Map<number, { until: number; end: number }>()
  for (const row of rows) {
    if (row.share !== share || row.block < 0 || live.has(row.block)) continue
    if (untilOf(row) <= floor) continue
    const known = blocks.get(row.block) ?? { until: 0, end: 0 }
    const end = Math.max(known.end, row.blockOffset + row.length)
    blocks.set(row.block, { until: Math.max(known.until, untilOf(row)), end })
  }
  return (after: number) =>
    [...blocks.values()].reduce((sum, { until, end }) => sum + (until > after ? end : 0), 0)
}

describe('past blocks', () => {
  const seed = seedFromEnvironment()
  for (const blocksMax of [10_000, 50]) {
    test(`are counted once, as seed ${seed} has it, ${blocksMax} at a time`, async () => {
      const rows = randomRows(new SeededRandom(seed))
      const graves = new Map([5, 6, 7].map((content) => [nodeId(1, content), 7777]))
      const graveOf = (content: number) => graves.get(content) ?? 0
      const past = new PastBlocks({ store: storeOf(rows), graveOf, pause, blocksMax })
      const live = new Blocks()
      await past.addLive(live)
      for (const share of [1, 2]) {
        const bytesAfter = expected(rows, graves, share)
        const content = await past.of(share, live, 0, NOW)
        assert.equal(content.bytes, bytesAfter(0))
        assert.ok(content.bytes > 0)
        const half = Math.floor(content.bytes / 2)
        const horizon = content.horizonFor(half)
        assert.ok(bytesAfter(horizon) <= half, 'no more than the limit is left')
        const step = Math.ceil(NOW / 8192)
        assert.ok(bytesAfter(horizon - step) > half, 'no more is forgotten than need be')
        assert.equal(content.horizonFor(content.bytes), 0)
        assert.equal(bytesAfter(content.horizonFor(0)), 0)
        const later = await past.of(share, live, 4000, NOW)
        assert.equal(later.bytes, expected(rows, graves, share, 4000)(0))
      }
    })
  }
})
