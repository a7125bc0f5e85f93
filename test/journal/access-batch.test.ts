import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  ACCESS_BYTES_MAX,
  ACCESSES_MAX,
  type Access,
  unpackAccesses,
} from '../../src/journal/access-batch.ts'
import { AccessBatchWriter } from '../../src/journal/access-batch-writer.ts'
import { JournalFormatError } from '../../src/journal/fields.ts'
import type { Instant } from '../../src/platform/clock.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'

/** `since` as `setTime` takes it. */
function put(writer: AccessBatchWriter, { context, ino, name }: Access, since = 0): void {
  const { op, client, uid, gid, share, refusal } = context
  writer.setTime(since)
  writer.add(op, client, { uid, gid }, share, refusal, ino, name)
}

const CONTEXT = { op: 0x0106, client: 3, uid: 1000, gid: 100, share: 2, refusal: 0 }
const FIRST: Access = {
  context: CONTEXT,
  sec: 1_760_000_000,
  nsec: 999_999_900,
  ino: 300,
  name: '',
}

interface Seen {
  readonly first: number
  readonly last: number
  readonly times: number
}

function count(all: Map<string, Seen>, key: string, from: number, to: number, more: number): void {
  const { first, last, times } = all.get(key) ?? { first: from, last: to, times: 0 }
  all.set(key, { first: Math.min(first, from), last: Math.max(last, to), times: times + more })
}

const sum = (all: ReadonlyMap<string, Seen>): number =>
  [...all.values()].reduce((total, { times }) => total + times, 0)

const sinceOf = (first: Instant, { sec, nsec }: Instant): number =>
  (sec - first.sec) * 1e9 + nsec - first.nsec

describe('a batch of accesses', () => {
  test('is stored like this', () => {
    const writer = new AccessBatchWriter()
    const refused = { ...FIRST, context: { ...CONTEXT, refusal: 5 } }
    const named = { ...FIRST, name: 'a\xff' }
    put(writer, FIRST)
    put(writer, { ...named, ino: 299 }, 200)
    put(writer, refused, 200)
    put(writer, named, 200)
    put(writer, { ...named, ino: 299 }, 330)
    put(writer, named, 201)
    put(writer, { ...named, ino: 299 }, 330)
    const expected = [
      ...['02', '8201', '24'], // version, dropped, length
      ...['00', '8602', '03', 'e807', '64', '02', '00', '00', 'd804', '00'],
      ...['00', 'c801', '01', '05', '61ff'],
      ...['01', '8602', '03', 'e807', '64', '02', '05', '00', '02', '00'],
      ...['00', '00', '00', '02'], // the first name again
      ...['01', '01', '8201'], // the second one three times
      ...['01', '00', '01'], // the fourth one twice
    ]
    const packed = writer.taken(130)
    assert.equal(packed.toString('hex'), expected.join(''))
    const { accesses, dropped } = unpackAccesses(packed, FIRST)
    const sec = FIRST.sec + 1
    assert.deepEqual(accesses, [
      FIRST,
      {
        ...{ ...named, ino: 299, sec, nsec: 100 },
        repeated: { times: 3, last: { sec, nsec: 230 } },
      },
      { ...refused, sec, nsec: 100 },
      { ...named, sec, nsec: 100, repeated: { times: 2, last: { sec, nsec: 101 } } },
    ])
    assert.equal(dropped, 130)
  })

  test('of version 1 is read as ever', () => {
    const stored = [
      ...['01', '8201'],
      ...['00', '8602', '03', 'e807', '64', '02', '00', '00', 'd804', '00'],
      ...['00', 'c801', '01', '05', '61ff'],
      ...['00', '00', '02', '02'],
    ]
    const { accesses, dropped } = unpackAccesses(Buffer.from(stored.join(''), 'hex'), FIRST)
    const second = { ...FIRST, sec: FIRST.sec + 1, nsec: 100, ino: 299, name: 'a\xff' }
    assert.deepEqual(accesses, [FIRST, second, { ...second, ino: 300 }])
    assert.equal(dropped, 130)
  })

  test('tells of all that was put in, and of what is equal once', (t) => {
    const seed = seedFromEnvironment()
    t.diagnostic(`seed ${seed}`)
    const random = new SeededRandom(seed)
    const writer = new AccessBatchWriter()
    for (let round = 0; round < 40; round++) {
      writer.clear()
      const large = () => random.pick([0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 48 - 1])
      const contexts = Array.from({ length: 1 + random.below(60) }, () => ({
        ...{ op: random.below(4), client: large(), uid: large(), gid: large() },
        ...{ share: random.below(3), refusal: random.below(2) },
      }))
      const inos = [large(), large(), ...Array.from({ length: 99 }, () => random.below(5000))]
      const names = Array.from({ length: 20 }, (_, i) =>
        'x\xff\x80y'.repeat(random.pick([0, 1, 20, 90])).slice(0, i + random.below(400)),
      )
      const expected = new Map<string, Seen>()
      const dropped = large()
      let since = 0
      for (let i = random.below(12_000); i > 0 && !writer.full; i--) {
        const [context, ino, name] = [random.pick(contexts), random.pick(inos), random.pick(names)]
        put(writer, { ...FIRST, context, ino, name }, since)
        count(expected, JSON.stringify([context, ino, name]), since, since, 1)
        since += random.pick([0, 0, 1, 1000, 90_000])
      }
      assert.equal(writer.count, sum(expected))
      const first = { sec: 2 ** 40, nsec: 999_000_000 }
      const told = new Map<string, Seen>()
      let before = 0
      const batch = unpackAccesses(writer.taken(dropped), first)
      for (const { context, sec, nsec, ino, name, repeated } of batch.accesses) {
        const { times = 1, last = { sec, nsec } } = repeated ?? {}
        const at = sinceOf(first, { sec, nsec })
        assert.ok(at >= before, 'they are in order')
        before = at
        count(told, JSON.stringify([context, ino, name]), at, sinceOf(first, last), times)
      }
      assert.deepEqual(told, expected)
      assert.equal(batch.dropped, dropped)
    }
  })

  test('is as short as what is different in it, as long as it is searched', () => {
    const random = new SeededRandom(7)
    const writer = new AccessBatchWriter()
    const distinct = new Set<string>()
    for (let i = 0; i < ACCESSES_MAX - 1; i++) {
      const [ino, name] = [300 + random.below(100), `name-${random.below(10)}`]
      put(writer, { ...FIRST, ino, name })
      distinct.add(`${ino}/${name}`)
    }
    const { accesses } = unpackAccesses(writer.taken(0), FIRST)
    assert.ok(accesses.length >= distinct.size)
    assert.ok(accesses.length <= 1.05 * distinct.size, `${accesses.length} of ${distinct.size}`)
  })

  test('is full in time, whatever is in it', () => {
    const writer = new AccessBatchWriter()
    for (let i = 0; i < 10 * ACCESSES_MAX; i++) {
      assert.equal(writer.full, false)
      put(writer, { ...FIRST, ino: i % (ACCESSES_MAX - 1) })
    }
    for (let i = 0; !writer.full; i++) put(writer, { ...FIRST, ino: 2 ** 40 + i })
    assert.equal(unpackAccesses(writer.taken(0), FIRST).accesses.length, ACCESSES_MAX)
    writer.clear()
    const name = 'n'.repeat(2000)
    const widest = {
      ...{ op: 2 ** 52, client: 2 ** 52, uid: 2 ** 52, gid: 0 },
      ...{ share: 2 ** 52, refusal: 0 },
    }
    for (let gid = 2 ** 52; !writer.full; gid++) {
      const context = { ...widest, gid }
      put(writer, { ...FIRST, context, ino: 2 ** 48 - 1, name: `${gid}${name}` })
    }
    const packed = writer.taken(0)
    assert.ok(packed.length >= ACCESS_BYTES_MAX && packed.length < 2 * ACCESS_BYTES_MAX)
    const { accesses } = unpackAccesses(packed, FIRST)
    assert.equal(accesses.length, writer.count)
    for (const [i, each] of accesses.entries()) {
      assert.equal(each.name, `${2 ** 52 + i}${name}`.slice(0, 1024))
    }
  })

  test('is not searched for equal ones for a while when one had none, and tells of all', () => {
    const writer = new AccessBatchWriter()
    for (let i = 0; !writer.full; i++) put(writer, { ...FIRST, ino: i })
    writer.clear()
    const told = Array.from({ length: 10 }, () => {
      for (let i = 0; i < 2000; i++) put(writer, { ...FIRST, ino: i % 100 })
      const { accesses } = unpackAccesses(writer.taken(0), FIRST)
      writer.clear()
      assert.equal(
        accesses.reduce((sum, { repeated }) => sum + (repeated?.times ?? 1), 0),
        2000,
      )
      return accesses.length
    })
    assert.deepEqual(told, [...Array(7).fill(2000), 100, 100, 100])
  })

  test('that is damaged is refused', () => {
    const writer = new AccessBatchWriter()
    put(writer, FIRST)
    put(writer, { ...FIRST, name: 'name' })
    put(writer, FIRST)
    const packed = writer.taken(0)
    const whole = unpackAccesses(packed, FIRST)
    for (let length = 0; length < packed.length; length++) {
      try {
        // What comes behind the entries may be missing as a whole only.
        const { accesses } = unpackAccesses(packed.subarray(0, length), FIRST)
        assert.notDeepEqual(accesses, whole.accesses)
      } catch (error) {
        assert.ok(error instanceof JournalFormatError, String(error))
      }
    }
    const damaged = [
      ...['03', `010000${'00'.repeat(8)}04`, '010007', `0100${'ff'.repeat(20)}`, ''],
      // Entries that end behind what there is, or within one; repetitions of none, and half a one.
      ...['020003', `02000900${'00'.repeat(9)}`, '020000000000', '0200000000'],
    ]
    for (const hex of damaged) {
      assert.throws(() => unpackAccesses(Buffer.from(hex, 'hex'), FIRST), JournalFormatError)
    }
  })
})
