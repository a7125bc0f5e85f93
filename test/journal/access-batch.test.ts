import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  ACCESS_BYTES_MAX,
  ACCESSES_MAX,
  type Access,
  AccessBatchWriter,
  unpackAccesses,
} from '../../src/journal/access-batch.ts'
import { JournalFormatError } from '../../src/journal/fields.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'

function put(writer: AccessBatchWriter, { context, sec, nsec, ino, name }: Access): void {
  const { op, client, uid, gid, share, refusal } = context
  writer.add({ sec, nsec }, op, client, { uid, gid }, share, refusal, ino, name)
}

const CONTEXT = { op: 0x0106, client: 3, uid: 1000, gid: 100, share: 2, refusal: 0 }
const FIRST: Access = {
  context: CONTEXT,
  sec: 1_760_000_000,
  nsec: 999_999_900,
  ino: 300,
  name: '',
}

describe('a batch of accesses', () => {
  test('is stored like this', () => {
    const writer = new AccessBatchWriter()
    writer.clear(130)
    put(writer, FIRST)
    put(writer, { ...FIRST, sec: FIRST.sec + 1, nsec: 100, ino: 299, name: 'a\xff' })
    const context = { ...CONTEXT, refusal: 5 }
    put(writer, { ...FIRST, context, sec: FIRST.sec + 1, nsec: 100 })
    put(writer, { ...FIRST, sec: FIRST.sec + 1, nsec: 100, name: 'a\xff' })
    const expected = [
      ...['01', '8201'], // version, dropped
      ...['00', '8602', '03', 'e807', '64', '02', '00', '00', 'd804', '00'],
      ...['00', 'c801', '01', '05', '61ff'],
      ...['01', '8602', '03', 'e807', '64', '02', '05', '00', '02', '00'],
      ...['00', '00', '00', '02'], // the first name again
    ]
    assert.equal(writer.taken().toString('hex'), expected.join(''))
  })

  test('is read as it was written', (t) => {
    const seed = seedFromEnvironment()
    t.diagnostic(`seed ${seed}`)
    const random = new SeededRandom(seed)
    const large = () => random.pick([0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 48 - 1])
    const writer = new AccessBatchWriter()
    for (let round = 0; round < 20; round++) {
      writer.clear(large())
      const written: Access[] = []
      const first = { sec: 2 ** 40, nsec: 999_000_000 }
      let { sec, nsec } = first
      while (!writer.full && written.length < 500) {
        const context = {
          ...{ op: random.below(4), client: large(), uid: large(), gid: large() },
          ...{ share: random.below(3), refusal: random.below(2) },
        }
        const name = '\x80x\xff'.repeat(random.below(5) * 20).slice(0, random.below(400))
        const access = { context, sec, nsec, ino: large(), name }
        put(writer, access)
        written.push(access)
        nsec += random.pick([0, 1, 1000, 999_999_999])
        if (nsec >= 1e9) [sec, nsec] = [sec + 1, nsec - 1e9]
      }
      const { accesses } = unpackAccesses(writer.taken(), first)
      assert.deepEqual(accesses, written)
    }
  })

  test('is full in time, whatever is in it', () => {
    const writer = new AccessBatchWriter()
    let count = 0
    for (; !writer.full; count++) put(writer, FIRST)
    assert.equal(count, ACCESSES_MAX)
    writer.clear(0)
    const name = 'n'.repeat(2000)
    const widest = {
      op: 2 ** 52,
      client: 2 ** 52,
      uid: 2 ** 52,
      gid: 0,
      share: 2 ** 52,
      refusal: 0,
    }
    for (let gid = 2 ** 52; !writer.full; gid++) {
      put(writer, {
        ...FIRST,
        context: { ...widest, gid },
        ino: 2 ** 48 - 1,
        name: `${name}${gid}`,
      })
    }
    const packed = writer.taken()
    assert.ok(packed.length >= ACCESS_BYTES_MAX)
    const { accesses } = unpackAccesses(packed, FIRST)
    assert.ok(accesses.every((each) => each.name === name.slice(0, 1024)))
  })

  test('that is damaged is refused', () => {
    const writer = new AccessBatchWriter()
    put(writer, FIRST)
    put(writer, { ...FIRST, name: 'name' })
    const packed = writer.taken()
    const whole = unpackAccesses(packed, FIRST)
    for (let length = 0; length < packed.length; length++) {
      try {
        const { accesses } = unpackAccesses(packed.subarray(0, length), FIRST)
        assert.ok(accesses.length < whole.accesses.length)
      } catch (error) {
        assert.ok(error instanceof JournalFormatError, String(error))
      }
    }
    const damaged = ['02', `010000${'00'.repeat(8)}04`, '010007', `0100${'ff'.repeat(20)}`, '']
    for (const hex of damaged) {
      assert.throws(() => unpackAccesses(Buffer.from(hex, 'hex'), FIRST), JournalFormatError)
    }
  })
})
