/** Tables against a model that remembers every version of everything. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { byName, byNumber, type GroupTable } from '../../src/projections/group-table.ts'
import type { Store } from '../../src/store/store.ts'
import { stores } from '../store/stores.ts'
import { Pair, type Thing } from './table-pair.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

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
  /** At everything as of so many records ago. */
  | { readonly kind: 'look'; readonly back: number }

/** So that rows come to have many versions. */
const mostly = (n: number, others: fc.Arbitrary<number>) => fc.oneof(fc.constant(n), others)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      group: mostly(1, fc.integer({ min: 1, max: 3 })),
      sub: mostly(3, fc.integer({ min: 0, max: 12 })),
      text: fc.oneof(
        fc.string({ minLength: 1, maxLength: 5, unit: 'binary-ascii' }),
        fc.string({ minLength: 60, maxLength: 60, unit: fc.constantFrom('a', 'b') }),
        fc.string({ minLength: 254, maxLength: 256, unit: fc.constantFrom('a', 'b') }),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      group: mostly(1, fc.integer({ min: 1, max: 3 })),
      sub: mostly(3, fc.integer({ min: 0, max: 12 })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('flush' as const),
      back: fc.nat(4),
      told: fc.boolean(),
    }),
  },
  // What is read comes into memory, and pushes others out.
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('look' as const),
      back: fc.oneof(fc.constant(0), fc.nat(9)),
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
      pair.flush(seq - s.back, s.told)
      continue
    }
    if (s.kind === 'look') {
      const at = Math.max(0, seq - s.back)
      check(pair.live, history[at] as Snapshot<S>, at, seq, subOf)
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
  for (let n = 0; n <= 12; n++) checkVersions(pair.live, history, subOf(n))
}

/** What a row has been, from each moment back. */
function checkVersions<S extends string | number>(
  table: GroupTable<Thing, S>,
  history: readonly Snapshot<S>[],
  sub: S,
): void {
  const moments = history.map((snapshot) => snapshot.get(1)?.get(sub))
  for (const upTo of [history.length - 1, history.length >> 1]) {
    const was: (string | undefined)[] = moments.slice(0, upTo + 1).map(() => undefined)
    for (const { value, from, until } of table.versions(1, sub, upTo)) {
      for (let at = from; at < (until ?? history.length); at++) {
        assert.equal(value.text, moments[at], `row ${sub} from ${from} to ${until}`)
        if (at <= upTo) was[at] = value.text
      }
    }
    assert.deepEqual(was, moments.slice(0, upTo + 1))
  }
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
    for (const [memory, runs] of [
      [Infinity, false],
      [1000, false],
      [1, false],
      [Infinity, true],
      [1000, true],
      [1, true],
    ] as const) {
      for (const [kind, sub, subOf] of [
        ['numbers', byNumber, (n: number) => n * 7],
        ['names', byName, (n: number) => 'a'.repeat(n % 4) + String.fromCharCode(97 + (n >> 2))],
      ] as const) {
        test(`live, past and ranges, ${kind}, memory ${memory}, runs ${runs}`, async () => {
          const numRuns = name === 'memory' ? 60 : 15
          await fc.assert(
            fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
              const { store, dispose } = make()
              try {
                if (sub === byNumber) {
                  const pair = new Pair<number>(store, sub, memory, runs)
                  run(pair, steps, subOf as (n: number) => number)
                } else {
                  const pair = new Pair<string>(store, sub, memory, runs)
                  run(pair, steps, subOf as (n: number) => string)
                }
              } finally {
                await dispose()
              }
            }),
            { numRuns },
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
          fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
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
    if (s.kind === 'flush' && flushing) pair.flush(seq, true)
    if (s.kind === 'flush' || s.kind === 'look') continue
    seq += 1
    pair.change(s.group, s.sub, s.kind === 'put' ? { text: s.text } : undefined, seq)
  }
  const memory = pair.digest.copy()
  pair.live.digestInto(() => memory)
  pair.flush(seq, told)
  if (told) assert.deepEqual([...pair.live.divergences()], [])
  return [memory.toString(), pair.digest.toString()]
}
