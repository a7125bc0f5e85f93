/** Tables against a model that remembers every version of everything. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { Digest } from '../../src/projections/digest.ts'
import { byName, byNumber, GroupTable } from '../../src/projections/group-table.ts'
import type { Positions, TableSpec } from '../../src/projections/table-spec.ts'
import type { Store } from '../../src/store/store.ts'
import * as wire from '../../src/wire/schema.ts'
import { stores } from '../store/stores.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const schema = wire.struct('thing', { text: wire.varstring })
type Thing = wire.Infer<typeof schema>

const spec = (memory: number): TableSpec<Thing> => ({
  name: 'things',
  id: 1,
  schema,
  temporal: true,
  digested: true,
  memory,
  weightOf: ({ text }) => text.length,
})

/** The live table and its follower, as two worlds on one store. */
class Pair<S extends string | number> {
  readonly live: GroupTable<Thing, S>
  readonly follower: GroupTable<Thing, S>
  readonly positions: Positions = { flushed: 0, saw: 0 }
  private readonly behind: Positions = { flushed: 0, saw: 0 }
  private readonly queue: [number, S, Thing | undefined, number][] = []
  private readonly store: Store
  readonly digest = new Digest()

  constructor(store: Store, sub: typeof byName | typeof byNumber, memory: number) {
    this.store = store
    const key = sub as ConstructorParameters<typeof GroupTable<Thing, S>>[1]
    this.live = new GroupTable(spec(memory), key, store, this.positions)
    this.follower = new GroupTable(spec(memory), key, store, this.behind)
    // Of some groups it is known that they begin here, of others not.
    for (const table of [this.live, this.follower]) for (const group of [1, 2]) table.begin(group)
  }

  change(group: number, sub: S, value: Thing | undefined, seq: number): void {
    this.queue.push([group, sub, value, seq])
    this.apply(this.live, [group, sub, value, seq])
  }

  private apply(table: GroupTable<Thing, S>, change: [number, S, Thing | undefined, number]): void {
    const [group, sub, value, seq] = change
    if (value === undefined) table.delete(group, sub, seq)
    else table.put(group, sub, value, seq)
  }

  /** The follower folds what is not newer than `seq` and flushes; `live` hears of it or not. */
  flush(seq: number, told: boolean): void {
    while (this.queue[0] !== undefined && this.queue[0][3] <= seq) {
      this.apply(this.follower, this.queue.shift() as [number, S, Thing | undefined, number])
    }
    this.store.commit((writer) => this.follower.flushTo(writer, () => this.digest))
    this.store.refresh()
    this.behind.flushed = seq
    this.follower.onFlushed()
    if (!told) return
    this.positions.flushed = seq
    this.live.onFlushed()
  }
}

/** Counts the rows that are stepped over in ranges. */
function countingReads(store: Store): Store & { steps: number } {
  const counting = {
    steps: 0,
    map(name: string) {
      const map = store.map(name)
      return {
        get: (key: Buffer) => map.get(key),
        last: (from: Buffer, to: Buffer) => map.last(from, to),
        *range(from: Buffer, to: Buffer) {
          for (const entry of map.range(from, to)) {
            counting.steps += 1
            yield entry
          }
        },
      }
    },
    commit: store.commit.bind(store),
    refresh: () => store.refresh(),
    close: () => store.close(),
  }
  return counting
}

type Step =
  | { readonly kind: 'put'; readonly group: number; readonly sub: number; readonly text: string }
  | { readonly kind: 'delete'; readonly group: number; readonly sub: number }
  | { readonly kind: 'flush'; readonly back: number; readonly told: boolean }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      group: fc.integer({ min: 1, max: 3 }),
      sub: fc.integer({ min: 0, max: 12 }),
      text: fc.string({ minLength: 1, maxLength: 5, unit: 'binary-ascii' }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      group: fc.integer({ min: 1, max: 3 }),
      sub: fc.integer({ min: 0, max: 12 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('flush' as const),
      back: fc.nat(4),
      told: fc.boolean(),
    }),
  },
)

type Snapshot<S> = Map<number, Map<S, string>>

function copy<S>(snapshot: Snapshot<S>): Snapshot<S> {
  return new Map([...snapshot].map(([group, rows]) => [group, new Map(rows)]))
}

function rowsFrom<S extends string | number>(snapshot: Snapshot<S>, group: number, from: S) {
  return [...(snapshot.get(group) ?? [])]
    .filter(([sub]) => sub >= from)
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

const texts = <S>(rows: Iterable<readonly [S, Thing]>) =>
  [...rows].map(([sub, { text }]) => [sub, text])

function run<S extends string | number>(
  pair: Pair<S>,
  steps: readonly Step[],
  subOf: (n: number) => S,
): void {
  const history: Snapshot<S>[] = [new Map()]
  let seq = 0
  for (const s of steps) {
    if (s.kind === 'flush') {
      pair.flush(Math.max(pair.positions.flushed, seq - s.back), s.told)
      continue
    }
    seq += 1
    const now = copy(history.at(-1) as Snapshot<S>)
    const sub = subOf(s.sub)
    if (!now.has(s.group)) now.set(s.group, new Map())
    if (s.kind === 'put') now.get(s.group)?.set(sub, s.text)
    else now.get(s.group)?.delete(sub)
    history.push(now)
    pair.change(s.group, sub, s.kind === 'put' ? { text: s.text } : undefined, seq)
  }
  for (let at = 0; at <= seq; at++) check(pair.live, history[at] as Snapshot<S>, at, seq, subOf)
  check(pair.live, history[seq] as Snapshot<S>, seq, seq, subOf)
}

function check<S extends string | number>(
  table: GroupTable<Thing, S>,
  expected: Snapshot<S>,
  at: number,
  now: number,
  subOf: (n: number) => S,
): void {
  for (let group = 1; group <= 3; group++) {
    for (let n = 0; n <= 12; n++) {
      const sub = subOf(n)
      const want = expected.get(group)?.get(sub)
      assert.equal(table.getAsOf(group, sub, at)?.text, want, `as of ${at} ${group}/${sub}`)
      if (at === now) assert.equal(table.get(group, sub)?.text, want)
    }
    for (const from of [subOf(0), subOf(5)]) {
      const want = rowsFrom(expected, group, from)
      assert.deepEqual(texts(table.fromAsOf(group, from, at)), want, `range as of ${at}`)
      const some = want.filter(([sub]) => sub < subOf(9))
      const whole = (rows: readonly unknown[]) => rows.length === some.length
      assert.deepEqual(texts(table.rangeAsOf(group, [from, subOf(9)], at, whole)), some)
      if (at !== now) continue
      assert.deepEqual(texts(table.from(group, from)), want)
      const last = table.lastUpTo(group, from)
      const upTo = rowsFrom(expected, group, subOf(0)).filter(([sub]) => sub <= from)
      assert.deepEqual(last && [last[0], last[1].text], upTo.at(-1))
    }
  }
}

for (const [name, make] of Object.entries(stores)) {
  describe(`temporal table on ${name}`, () => {
    for (const memory of [Infinity, 1]) {
      for (const [kind, sub, subOf] of [
        ['numbers', byNumber, (n: number) => n * 7],
        ['names', byName, (n: number) => 'a'.repeat(n % 4) + String.fromCharCode(97 + (n >> 2))],
      ] as const) {
        test(`live, past and ranges, ${kind}, memory ${memory}`, async () => {
          const runs = name === 'memory' ? 150 : 30
          await fc.assert(
            fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
              const { store, dispose } = make()
              try {
                if (sub === byNumber)
                  run<number>(new Pair(store, sub, memory), steps, subOf as (n: number) => number)
                else
                  run<string>(new Pair(store, sub, memory), steps, subOf as (n: number) => string)
              } finally {
                await dispose()
              }
            }),
            { numRuns: runs },
          )
        })
      }
    }

    test('what rows have been at other moments takes a bounded number of steps', async () => {
      const { store, dispose } = make()
      const counted = countingReads(store)
      const pair = new Pair<number>(counted, byNumber, 1)
      let seq = 0
      const history: Snapshot<number>[] = [new Map()]
      for (let round = 0; round < 400; round++) {
        for (const sub of round % 100 === 0 ? [0, 7, 14, 21] : [7, 14]) {
          seq += 1
          const now = copy(history.at(-1) as Snapshot<number>)
          const gone = sub === 14 && round % 3 === 0
          const rows = now.get(1) ?? new Map<number, string>()
          now.set(1, rows)
          if (gone) rows.delete(sub)
          else rows.set(sub, `${seq}`)
          pair.change(1, sub, gone ? undefined : { text: `${seq}` }, seq)
          history.push(now)
          pair.flush(seq, true)
        }
      }
      for (const at of [1, 3, 6, 9, 200, 201, 400, 401, 402, 403, seq - 20, seq - 1, seq]) {
        counted.steps = 0
        const want = rowsFrom(history[at] as Snapshot<number>, 1, 0)
        assert.deepEqual(texts(pair.live.fromAsOf(1, 0, at)), want, `as of ${at}`)
        assert.ok(counted.steps < 60, `${counted.steps} steps as of ${at}`)
        const some = want.filter(([sub]) => sub < 14)
        assert.deepEqual(texts(pair.live.rangeAsOf(1, [0, 14], at, () => false)), some)
      }
      await dispose()
    })

    test('a row that was forgotten and comes again is listed once', async () => {
      const { store, dispose } = make()
      const pair = new Pair<number>(store, byNumber, 1)
      pair.change(3, 5, { text: 'first' }, 1)
      pair.change(3, 1, { text: 'not flushed' }, 2)
      assert.equal(texts(pair.live.from(3, 0)).length, 2)
      pair.flush(1, true)
      // What is read makes room for itself.
      for (let other = 0; other < 100; other++) pair.live.get(7, other)
      pair.change(3, 5, { text: 'last' }, 3)
      const rows = texts(pair.live.from(3, 0))
      assert.deepEqual(rows, [
        [1, 'not flushed'],
        [5, 'last'],
      ])
      assert.equal(pair.live.lastUpTo(3, 9)?.[0], 5)
      await dispose()
    })

    test('what is forgotten is given back, also of groups that hardly grow', async () => {
      const { store, dispose } = make()
      const pair = new Pair<number>(store, byNumber, 1)
      const values: WeakRef<Thing>[] = []
      for (let group = 10; group < 200; group++) {
        const value = { text: 'once' }
        values.push(new WeakRef(value))
        pair.change(group, 1, value, group)
      }
      // A row that stays keeps its group.
      for (let group = 10; group < 200; group++) pair.change(group, 2, { text: 'kept' }, 1000)
      pair.flush(500, true)
      for (let other = 0; other < 1000; other++) {
        for (const table of [pair.live, pair.follower]) table.get(7, other)
      }
      // What a WeakRef was made of lives at least until the turn ends.
      await new Promise((resolve) => setImmediate(resolve))
      collectGarbage()
      const left = values.filter((value) => value.deref() !== undefined).length
      assert.ok(left < 10, `${left} of ${values.length} are still there`)
      assert.equal(pair.live.get(10, 1)?.text, 'once')
      await dispose()
    })

    test('the digest is the same whenever it was flushed, and of memory before it is', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 1, maxLength: 40 }),
          fc.boolean(),
          async (steps, told) => {
            const digests: string[] = []
            for (const flushing of [true, false]) {
              const { store, dispose } = make()
              digests.push(
                ...digestsOf(new Pair<number>(store, byNumber, 1), steps, flushing, told),
              )
              await dispose()
            }
            assert.equal(new Set(digests).size, 1, digests.join(' '))
          },
        ),
        { numRuns: name === 'memory' ? 100 : 20 },
      )
    })
  })
}

/** The digest of memory before the last flush, and the store's after it. */
function digestsOf(
  pair: Pair<number>,
  steps: readonly Step[],
  flushing: boolean,
  told: boolean,
): string[] {
  let seq = 0
  for (const s of steps) {
    if (s.kind === 'flush') {
      if (flushing) pair.flush(seq, true)
      continue
    }
    seq += 1
    pair.change(s.group, s.sub, s.kind === 'put' ? { text: s.text } : undefined, seq)
  }
  const memory = pair.digest.copy()
  pair.live.digestInto(() => memory)
  pair.flush(seq, told)
  if (told) assert.deepEqual([...pair.live.divergences()], [])
  return [memory.toString(), pair.digest.toString()]
}
