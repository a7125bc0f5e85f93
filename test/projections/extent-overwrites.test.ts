/** Overwrites of parts of extents as plain steps do them: delete what is in the way, put pieces. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Extent } from '../../src/journal/fields.ts'
import { BLOCK_MAX, KiB } from '../../src/platform/limits.ts'
import { Digest } from '../../src/projections/digest.ts'
import { ExtentMap } from '../../src/projections/extent-map.ts'
import { type ContentDelta, countExtent } from '../../src/projections/extent-sums.ts'
import { byNumber, GroupTable } from '../../src/projections/group-table.ts'
import { type ExtentRow, tableSpecs } from '../../src/projections/rows.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

const GROUP = 7
/** Windows of extents in memory end within it. */
const SIZE = 10 * BLOCK_MAX
const HOLE = 8 * BLOCK_MAX
const WHOLE = [Buffer.alloc(0), Buffer.alloc(30, 0xff)] as const

class Side {
  readonly store = new MemoryStore()
  readonly positions = { flushed: 0, saw: 0 }
  readonly table: GroupTable<ExtentRow, number>
  constructor(memory: number) {
    this.table = new GroupTable(tableSpecs(memory).extents, byNumber, this.store, this.positions)
  }
  flush(seq: number): void {
    this.store.commit((writer) => this.table.flushTo(writer, () => new Digest()))
    this.positions.flushed = seq
    this.table.onFlushed()
  }
  /** Everything in the store, bytes as hex. */
  stored(): string[] {
    const rows = (name: string) => [...this.store.map(name).range(...WHOLE)]
    return ['extents', 'extents@'].flatMap((name) =>
      rows(name).map(({ key, value }) => `${name} ${key.toString('hex')} ${value.toString('hex')}`),
    )
  }
}

/** A hole as aligned powers of two. */
function holes(from: number, to: number): Extent[] {
  if (from >= to) return []
  let length = 1
  while (from % (2 * length) === 0 && from + 2 * length <= to) length *= 2
  return [{ offset: from, length, block: '', blockOffset: 0 }, ...holes(from + length, to)]
}

function part(extent: Extent, from: number, to: number): Extent[] {
  if (from >= to) return []
  if (extent.block === '') return holes(from, to)
  const blockOffset = extent.blockOffset + from - extent.offset
  return [{ offset: from, length: to - from, block: extent.block, blockOffset }]
}

class Plain extends Side {
  extents: Extent[] = []
  write(extent: Extent, seq: number): void {
    const [from, to] = [extent.offset, extent.offset + extent.length]
    const over = this.extents.filter((x) => x.offset < to && x.offset + x.length > from)
    const pieces = [
      ...over.flatMap((x) => part(x, x.offset, from)),
      ...part(extent, from, to),
      ...over.flatMap((x) => part(x, to, x.offset + x.length)),
    ]
    for (const { offset } of over) this.table.delete(GROUP, offset, seq)
    for (const { offset, ...row } of pieces) this.table.put(GROUP, offset, row, seq)
    this.extents = [...this.extents.filter((x) => !over.includes(x)), ...pieces]
    this.extents.sort((a, b) => a.offset - b.offset)
  }
}

/** Sizes of the pieces that the file is laid out in before. */
const LAYOUTS = [BLOCK_MAX, 64 * KiB, 12 * KiB]

interface Write {
  readonly at: number
  readonly length: number
  readonly hole: boolean
  readonly flush: boolean
}

const write: fc.Arbitrary<Write> = fc.record({
  // Some begin where others do, most do not.
  at: fc.oneof(
    fc.nat(SIZE / (4 * KiB) - 1).map((n) => n * 4 * KiB),
    fc.nat(15).map((n) => 3 * BLOCK_MAX + n * 4 * KiB),
    fc.nat(15).map((n) => HOLE + n * 16 * KiB),
    fc.nat(SIZE - 1),
  ),
  length: fc.oneof(
    { weight: 3, arbitrary: fc.constant(4 * KiB) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 300 * KiB }) },
  ),
  hole: fc.nat(2).map((n) => n === 0),
  flush: fc.nat(5).map((n) => n === 0),
})

const sums = (extents: readonly Extent[]): ContentDelta => {
  const all = { used: 0, a: 0, b: 0 }
  for (const extent of extents) countExtent(all, extent, 1)
  return { used: all.used, a: all.a >>> 0, b: all.b >>> 0 }
}

/** The extents after each record, as both sides made them. */
class Run {
  readonly plain: Plain
  readonly side: Side
  readonly map: ExtentMap
  readonly history: (readonly Extent[])[] = [[]]
  private readonly total = { used: 0, a: 0, b: 0 }
  private size = 0

  constructor(memory: number) {
    this.plain = new Plain(memory)
    this.side = new Side(memory)
    this.map = new ExtentMap(this.side.table, memory)
  }

  get seq(): number {
    return this.history.length - 1
  }

  write(at: number, length: number, hole: boolean): void {
    const seq = this.history.length
    // Data does not cross a multiple of BLOCK_MAX.
    const to = Math.min(SIZE, at + length, hole ? SIZE : at - (at % BLOCK_MAX) + BLOCK_MAX)
    const block = hole ? '' : `block ${seq}`.padEnd(32)
    const extent = { offset: at, length: to - at, block, blockOffset: hole ? 0 : seq }
    this.plain.write(extent, seq)
    const size = Math.max(this.size, to)
    const delta = this.map.replace(GROUP, [extent], this.size, size, seq)
    this.size = size
    this.history.push(this.plain.extents)
    for (const sum of ['used', 'a', 'b'] as const) this.total[sum] += delta[sum]
    const { used, a, b } = this.total
    const got = { used, a: a >>> 0, b: b >>> 0 }
    assert.deepEqual(got, sums(this.plain.extents))
  }

  flush(): void {
    for (const side of [this.plain, this.side]) side.flush(this.seq)
    assert.deepEqual(this.side.stored(), this.plain.stored())
    assert.deepEqual([...this.side.table.divergences()], [])
  }

  check(from: number, to: number): void {
    const now = this.plain.extents
    const want = now.filter((x) => x.offset < to && x.offset + x.length > from)
    assert.deepEqual(this.map.overlapping(GROUP, from, to), want)
    const rows = [...this.side.table.from(GROUP, 0)].map(([offset, row]) => ({ ...row, offset }))
    assert.deepEqual(rows, now)
  }
}

describe('overwriting parts of extents', () => {
  for (const memory of [16 << 20, 1]) {
    test(`leaves the rows that plain steps leave, with ${memory} bytes of memory`, () => {
      fc.assert(
        fc.property(
          fc.array(write, { minLength: 1, maxLength: 60, size: 'max' }),
          fc.constantFrom(...LAYOUTS),
          (writes, layout) => {
            const run = new Run(memory)
            for (let at = 0; at < SIZE; at += layout) {
              const end = at - (at % BLOCK_MAX) + BLOCK_MAX
              run.write(at, layout, false)
              if (at + layout > end && end < SIZE) run.write(end, at + layout - end, false)
            }
            run.write(HOLE, BLOCK_MAX, true)
            run.flush()
            for (const { at, length, hole, flush } of writes) {
              run.write(at, length, hole)
              if (flush) run.flush()
              run.check(at, Math.min(SIZE, at + 2 * length))
            }
            for (let seq = run.seq - writes.length; seq <= run.seq; seq++) {
              const past = run.map.overlappingAsOf(GROUP, 0, SIZE, seq)
              assert.deepEqual(past, run.history[seq])
            }
            run.flush()
          },
        ),
        { numRuns: 20 },
      )
    })
  }
})
