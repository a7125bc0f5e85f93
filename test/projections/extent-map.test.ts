/** Extents against a model that knows for each granule which block it lies in. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Extent } from '../../src/journal/fields.ts'
import { BLOCK_MAX } from '../../src/platform/limits.ts'
import { Digest } from '../../src/projections/digest.ts'
import { ExtentMap } from '../../src/projections/extent-map.ts'
import { type ContentDelta, countExtent } from '../../src/projections/extent-sums.ts'
import { byNumber, GroupTable } from '../../src/projections/group-table.ts'
import { tableSpecs } from '../../src/projections/rows.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

const GROUP = 7
/** Sixteenths of a block: small enough a model, and blocks and windows are crossed. */
const UNIT = BLOCK_MAX / 16
const UNITS = 16 * 10

interface Cell {
  readonly block: string
  readonly at: number
}

type Step =
  | { readonly kind: 'write'; readonly at: number; readonly units: number; readonly hole: boolean }
  | { readonly kind: 'truncate'; readonly at: number }
  | { readonly kind: 'count'; readonly at: number; readonly extents: number }
  /** At where something was counted last, or at `at`. */
  | { readonly kind: 'cut'; readonly at: number; readonly counted: boolean }
  | { readonly kind: 'sweep'; readonly extents: number }
  | { readonly kind: 'flush' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      at: fc.nat(UNITS - 1),
      units: fc.integer({ min: 1, max: 40 }),
      hole: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('truncate' as const), at: fc.nat(UNITS) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('count' as const),
      at: fc.nat(UNITS),
      extents: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('cut' as const),
      at: fc.nat(UNITS),
      counted: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('sweep' as const),
      extents: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'flush' as const }) },
)

/** As a decider makes them: data cut at block boundaries, a gap behind the end filled by a hole. */
function extentsOf(at: number, units: number, hole: boolean, size: number, seq: number): Extent[] {
  const extents: Extent[] = []
  const from = at * UNIT
  const to = (at + units) * UNIT
  if (from > size) extents.push({ offset: size, length: from - size, block: '', blockOffset: 0 })
  if (hole) return [...extents, { offset: from, length: to - from, block: '', blockOffset: 0 }]
  for (let offset = from; offset < to; ) {
    const end = Math.min(to, offset - (offset % BLOCK_MAX) + BLOCK_MAX)
    extents.push({ offset, length: end - offset, block: `block ${seq} ${offset}`, blockOffset: 0 })
    offset = end
  }
  return extents
}

function paint(cells: Cell[], extents: readonly Extent[]): Cell[] {
  const painted = [...cells]
  for (const { offset, length, block, blockOffset } of extents) {
    for (let i = 0; i < length / UNIT; i++) {
      painted[offset / UNIT + i] = { block, at: block === '' ? 0 : blockOffset + i * UNIT }
    }
  }
  return painted
}

const cellsOf = (extents: readonly Extent[]) => paint([], extents)

function assertCovers(extents: readonly Extent[], from: number, to: number): void {
  let next = from
  for (const { offset, length } of extents) {
    assert.ok(offset <= next && offset + length > next, `gap or overlap at ${next}`)
    next = offset + length
  }
  assert.ok(from === to || next >= to)
}

class Rig {
  readonly store = new MemoryStore()
  readonly positions = { flushed: 0, saw: 0 }
  private readonly table: GroupTable<{ length: number; block: string; blockOffset: number }, number>
  readonly map: ExtentMap
  constructor(memory: number) {
    const { extents } = tableSpecs(memory)
    this.table = new GroupTable(extents, byNumber, this.store, this.positions)
    this.map = new ExtentMap(this.table, memory)
  }
  flush(seq: number): void {
    this.store.commit((writer) => this.table.flushTo(writer, () => new Digest()))
    this.positions.flushed = seq
    this.table.onFlushed()
  }
}

/** A file on an extent map, as the folds keep it. */
class File {
  cells: Cell[] = []
  seq = 0
  used = 0
  a = 0
  b = 0
  private readonly rig: Rig
  /** Where extents may be that were cut off. */
  private remains = { from: 0, end: 0 }
  private counted = 0

  constructor(rig: Rig) {
    this.rig = rig
  }

  private get size(): number {
    return this.cells.length * UNIT
  }

  private sum({ used, a, b }: ContentDelta, sign: 1 | -1): void {
    this.used += sign * used
    this.a = (this.a + sign * a) >>> 0
    this.b = (this.b + sign * b) >>> 0
  }

  take(s: Step): void {
    const { rig, size } = this
    if (s.kind === 'flush') rig.flush(this.seq)
    else if (s.kind === 'count') {
      this.counted = Math.min(size, s.at * UNIT)
      rig.map.count(GROUP, this.counted, size, s.extents)
    } else {
      this.seq += 1
      if (s.kind === 'sweep') this.sweep(s.extents)
      else if (s.kind === 'cut') this.cut(Math.min(size, s.counted ? this.counted : s.at * UNIT))
      else this.replace(s)
    }
  }

  private replace(s: Extract<Step, { readonly kind: 'write' | 'truncate' }>): void {
    const { rig, seq, size } = this
    const write = s.kind === 'write'
    const extents = write ? extentsOf(s.at, s.units, s.hole, size, seq) : []
    const now = write ? Math.max(size, (s.at + s.units) * UNIT) : Math.min(size, s.at * UNIT)
    this.sum(rig.map.replace(GROUP, extents, size, now, seq), 1)
    this.cells = paint(this.cells, extents).slice(0, now / UNIT)
    if (now > size) this.remains.from = Math.max(this.remains.from, now)
  }

  private cut(size: number): void {
    const { rig, seq } = this
    this.sum(rig.map.cutOff(GROUP, size, this.size), -1)
    rig.map.cut(GROUP, size, seq)
    this.remains = { from: size, end: Math.max(this.size, this.remains.end) }
    this.cells = this.cells.slice(0, size / UNIT)
  }

  private sweep(extents: number): void {
    const { rig, seq, remains } = this
    if (remains.from >= remains.end) return
    const to = rig.map.sweepEnd(GROUP, remains.from, remains.end, extents)
    rig.map.sweep(GROUP, remains.from, to, seq)
    remains.from = to
  }

  /** What the sums should be. */
  counts(): ContentDelta {
    const sums = { used: 0, a: 0, b: 0 }
    if (this.size === 0) return sums
    for (const x of this.rig.map.overlapping(GROUP, 0, this.size)) countExtent(sums, x, 1)
    return { used: sums.used, a: sums.a >>> 0, b: sums.b >>> 0 }
  }
}

function runSteps(rig: Rig, steps: readonly Step[]) {
  const file = new File(rig)
  const history: Cell[][] = [[]]
  for (const s of steps) {
    file.take(s)
    history[file.seq] = file.cells
  }
  const { seq, a, b, used } = file
  assert.deepEqual({ used, a, b }, file.counts())
  return { history, seq, a, b, used }
}

describe('ExtentMap', () => {
  for (const memory of [16 << 20, 1]) {
    test(`is the model, live and at every moment, with ${memory} bytes of memory`, () => {
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 60, size: 'max' }),
          fc.array(fc.nat(UNITS)),
          (steps, cuts) => {
            const rig = new Rig(memory)
            const { history, seq, used } = runSteps(rig, steps)
            const bounds = [...new Set([0, 3, UNITS, ...cuts])].sort((x, y) => x - y)
            for (let at = 0; at <= seq; at++) {
              const cells = history[at] as Cell[]
              for (const [i, from] of bounds.entries()) {
                for (const to of bounds.slice(i + 1)) {
                  const end = Math.min(to, cells.length)
                  if (from >= end) continue
                  const past = rig.map.overlappingAsOf(GROUP, from * UNIT, end * UNIT, at)
                  assertCovers(past, from * UNIT, end * UNIT)
                  assert.deepEqual(cellsOf(past).slice(from, end), cells.slice(from, end))
                  if (at !== seq) continue
                  const live = rig.map.overlapping(GROUP, from * UNIT, end * UNIT)
                  assertCovers(live, from * UNIT, end * UNIT)
                  assert.deepEqual(cellsOf(live).slice(from, end), cells.slice(from, end))
                }
              }
            }
            const cells = history[seq] as Cell[]
            assert.equal(used, cells.filter(({ block }) => block !== '').length * UNIT)
          },
        ),
        { numRuns: 60 },
      )
    })
  }

  test('the digest depends on what is there, not on what memory or flushes were', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const [one, two] = [runSteps(new Rig(16 << 20), steps), runSteps(new Rig(1), steps)]
        assert.deepEqual([one.a, one.b, one.used], [two.a, two.b, two.used])
        const emptied = runSteps(new Rig(1), [...steps, { kind: 'truncate', at: 0 }])
        assert.deepEqual([emptied.a, emptied.b, emptied.used], [0, 0, 0])
      }),
      { numRuns: 60 },
    )
  })

  test('a hole of any size takes a bounded number of rows', () => {
    const rig = new Rig(1 << 20)
    const size = 2 ** 52 + 12345
    rig.map.replace(GROUP, [{ offset: 0, length: size, block: '', blockOffset: 0 }], 0, size, 1)
    const middle = 2 ** 40 + 4096
    const data = { offset: middle, length: 4096, block: 'x', blockOffset: 0 }
    rig.map.replace(GROUP, [data], size, size, 2)
    assert.deepEqual(rig.map.overlapping(GROUP, middle, middle + 4096), [data])
    const around = rig.map.overlapping(GROUP, middle - 1, middle + 4097)
    assertCovers(around, middle - 1, middle + 4097)
    assert.equal(around.length, 3)
    const before = rig.map.overlappingAsOf(GROUP, middle, middle + 4096, 1)
    assert.equal(before.length, 1)
    assert.ok(rig.map.overlapping(GROUP, 0, size).length < 120)
  })
})
