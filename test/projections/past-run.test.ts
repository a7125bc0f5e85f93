/** Runs of past versions: what comes out is what went in, and hardly takes any room. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { byNumber } from '../../src/projections/group-table.ts'
import { fileKind, inodeSchema, newInode } from '../../src/projections/inode.ts'
import { isRun, PastRunWriter, pastRowAt, pastVersions } from '../../src/projections/past-run.ts'
import { fromOfPastKey, RowCodec, SEQ, seqOfRow } from '../../src/projections/row-codec.ts'
import { stores } from '../store/stores.ts'
import { Pair } from './table-pair.ts'

const KEY = Buffer.from('a row, somewhere')

interface Version {
  readonly from: number
  readonly until: number
  readonly value: string
}

interface Stored {
  readonly key: Buffer
  readonly row: Buffer
}

function stored(versions: readonly Version[]): Stored[] {
  const rows: Stored[] = []
  const writer = new PastRunWriter()
  writer.begin(KEY, (key, row) => rows.push({ key, row: Buffer.from(row) }))
  for (const [i, { from, until, value }] of versions.entries()) {
    writer.add(from, Buffer.concat([Buffer.alloc(SEQ, 1), Buffer.from(value, 'hex')]))
    if (versions[i + 1]?.from !== until) writer.end(until)
  }
  return rows
}

const versionOf = ({ key, row }: Stored): Version => ({
  from: fromOfPastKey(key),
  until: seqOfRow(row),
  value: row.toString('hex', SEQ),
})

/** A row, and how the next one differs from it. */
const rows = fc
  .record({
    length: fc.oneof(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 250, max: 1300 })),
    changes: fc.array(
      fc.record({
        at: fc.array(fc.nat(), { maxLength: 20, size: 'max' }),
        longer: fc.boolean(),
        gone: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 300 })),
        lasted: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 40 })),
      }),
      { minLength: 1, maxLength: 60, size: 'max' },
    ),
  })
  .map(({ length, changes }) => {
    const versions: Version[] = []
    let [row, from] = [Buffer.alloc(length, 7), 1]
    for (const { at, longer, gone, lasted } of changes) {
      for (const each of at) row[each % row.length] = (row[each % row.length] as number) + 1
      if (longer && at.length > 15) row = Buffer.concat([row, Buffer.alloc(1)])
      versions.push({ from, until: from + lasted, value: row.toString('hex') })
      from += lasted + gone
    }
    return versions
  })

describe('runs of past versions', () => {
  test('every version comes out as it went in, and is found by each of its moments', () => {
    fc.assert(
      fc.property(rows, (versions) => {
        const all = stored(versions)
        const out = all.flatMap(({ key, row }) => [...pastVersions(key, row)])
        assert.deepEqual(out.map(versionOf), versions)
        for (const { from, until, value } of versions) {
          const holder = all.findLast(({ key }) => fromOfPastKey(key) <= from) as Stored
          assert.ok(seqOfRow(holder.row) >= until)
          for (const moment of [from, until - 1, Math.floor((from + until) / 2)]) {
            const row = pastRowAt(holder.key, holder.row, moment)
            assert.equal(row.toString('hex', SEQ), value, `at ${moment}`)
            assert.equal(seqOfRow(row), until)
            assert.equal(isRun(row), false)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('a directory that files are created in takes some thirty bytes for each of them', () => {
    const codec = new RowCodec(inodeSchema)
    const rights = { mode: 0o755, uid: 1000, gid: 1000, generation: 0x12345678 }
    let inode = newInode(fileKind.directory, rights, 77, { sec: 1_790_000_000, nsec: 1 })
    const versions: Version[] = []
    for (let n = 1; n <= 1000; n++) {
      const from = n * 1000
      const value = codec.encode(0, inode).toString('hex', SEQ)
      versions.push({ from, until: from + 1000, value })
      const nsec = (n * 299_792_458) % 1_000_000_000
      inode = { ...inode, entries: n, nextCookie: n + 3, mtimeNsec: nsec, ctimeNsec: nsec }
    }
    const all = stored(versions)
    assert.deepEqual(
      all.flatMap((each) => [...pastVersions(each.key, each.row)]).map(versionOf),
      versions,
    )
    for (const { row } of all) assert.ok(row.length <= 512)
    const bytes = all.reduce((sum, { key, row }) => sum + key.length + row.length, 0)
    assert.ok(bytes < 32 * versions.length, `${bytes / versions.length} bytes a version`)
  })

  test('one that is cut short is refused, whatever is missing', () => {
    const value = (n: number) => Buffer.alloc(40, n).toString('hex')
    const versions = [1, 2, 3].map((n) => ({ from: n, until: n + 1, value: value(n) }))
    const [{ key, row }] = stored(versions) as [Stored]
    assert.ok(isRun(row))
    let refused = 0
    for (let length = SEQ + 2 + 40; length < row.length; length++) {
      try {
        const found = [...pastVersions(key, row.subarray(0, length))]
        assert.ok(found.length < 3)
      } catch (error) {
        assert.match(String(error), /a run of past versions ends within one/)
        refused += 1
      }
    }
    assert.ok(refused > 50)
  })

  for (const [name, make] of Object.entries(stores)) {
    test(`on ${name}, past versions that were kept one by one are there beside runs`, async () => {
      const { store, dispose } = make()
      const [before, after] = [false, true].map(
        (runs) => new Pair<number>(store, byNumber, 1, runs),
      )
      let seq = 0
      for (const pair of [before, after] as Pair<number>[]) {
        for (let round = 0; round < 3; round++) {
          for (let n = 0; n < 10; n++) {
            seq += 1
            pair.change(3, 5, { text: String(seq).padStart(8, '0') }, seq)
          }
          pair.flush(seq, true)
        }
      }
      const table = after?.live as Pair<number>['live']
      const rows = [...store.map('things@').range(Buffer.alloc(1), Buffer.alloc(40, 0xff))]
      assert.ok(rows.length > 30 && rows.length < 40, `${rows.length} past rows`)
      for (let at = 1; at <= seq; at++) {
        assert.equal(table.getAsOf(3, 5, at)?.text, String(at).padStart(8, '0'))
        assert.equal([...table.fromAsOf(3, 0, at)].length, 1)
      }
      const versions = [...table.versions(3, 5)].map(({ from, until }) => [from, until])
      const all = Array.from({ length: seq }, (_, i) => [
        seq - i,
        i === 0 ? undefined : seq - i + 1,
      ])
      assert.deepEqual(versions, all)
      await dispose()
    })
  }
})
