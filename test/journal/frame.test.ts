import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { packEvent, unpackEvent } from '../../src/journal/event-codec.ts'
import { type Event, eventSpecs } from '../../src/journal/events.ts'
import { type FieldKind, JournalFormatError } from '../../src/journal/fields.ts'
import { decodeFrame, encodeFrame, GENESIS_HASH, recordsOf } from '../../src/journal/frame.ts'
import { claim, tailOf } from '../../src/journal/journal.ts'
import { MemoryJournal } from '../../src/journal/memory.ts'
import { type JournalRecord, packRecord } from '../../src/journal/record.ts'
import { refusals } from '../../src/journal/refusal.ts'
import { verifyJournal } from '../../src/journal/verify.ts'
import { frameAfter } from '../contracts/journal-contract.ts'
import { anOrigin, aRecord } from './records.ts'

const int = fc.maxSafeNat()
const latin1 = (min: number, max: number) =>
  fc
    .uint8Array({ minLength: min, maxLength: max })
    .map((bytes) => Buffer.from(bytes).toString('latin1'))
const time = fc.record({ sec: int, nsec: fc.nat(999_999_999) })

const arbitrary: Record<FieldKind, fc.Arbitrary<unknown>> = {
  int,
  'int?': fc.option(int, { nil: undefined }),
  name: latin1(1, 255),
  bytes: latin1(0, 64),
  'bytes?': fc.option(latin1(0, 64), { nil: undefined }),
  text: fc.string({ unit: 'grapheme' }),
  'time?': fc.option(time, { nil: undefined }),
  extents: fc.array(
    fc.record({
      offset: int,
      length: int,
      block: fc.oneof(fc.constant(''), latin1(32, 32)),
      blockOffset: int,
    }),
    { maxLength: 8 },
  ),
  ints: fc.array(int, { maxLength: 20 }),
  map: fc.dictionary(
    fc.string({ minLength: 1 }).filter((k) => k !== '__proto__'),
    fc.oneof(fc.boolean(), int, fc.string()),
  ),
}

const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  ...Object.entries(eventSpecs).map(([type, { fields }]) =>
    fc
      .record(Object.fromEntries(Object.entries(fields).map(([k, kind]) => [k, arbitrary[kind]])))
      .map((values) => ({ type, ...values }) as unknown as Event),
  ),
)

const anyRecord = (seq: number): fc.Arbitrary<JournalRecord> =>
  fc
    .record({
      events: fc.array(anyEvent, { maxLength: 3 }),
      refusal: fc.constantFrom(0, ...Object.values(refusals)),
      about: fc.option(
        fc.oneof(
          fc.record({
            ino: int,
            dir: fc.constant(0),
            name: fc.constant(''),
            toDir: fc.constant(0),
            toName: fc.constant(''),
          }),
          fc.record({
            ino: int,
            dir: fc.integer({ min: 1 }),
            name: latin1(1, 255),
            toDir: fc.constant(0),
            toName: fc.constant(''),
          }),
          fc.record({
            ino: int,
            dir: fc.integer({ min: 1 }),
            name: latin1(1, 255),
            toDir: fc.integer({ min: 1 }),
            toName: latin1(1, 255),
          }),
        ),
        { nil: undefined },
      ),
      at: time,
    })
    .map(({ events, refusal, about, at }) => ({
      ...aRecord(seq, 'x'),
      ...at,
      origin: anOrigin,
      events,
      refusal,
      about,
    }))

/** fast-check makes records without a prototype; what was decoded has one. */
const plain = (v: unknown) =>
  JSON.parse(JSON.stringify(v, (_, x) => (x === undefined ? null : x))) as unknown

describe('events', () => {
  test('codes are unique and fit the rule that names stay', () => {
    const codes = Object.values(eventSpecs).map(({ code }) => code)
    assert.equal(new Set(codes).size, codes.length)
  })

  test('unpack(pack(event)) is the event', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        assert.deepEqual(plain(unpackEvent(packEvent(event))), plain(event))
      }),
      { numRuns: 500 },
    )
  })

  test('what no version ever wrote is named, not guessed', () => {
    const unknown = [...Object.values(eventSpecs)].reduce((n, { code }) => Math.max(n, code), 0) + 1
    assert.throws(() => unpackEvent([unknown, 1]), /code .* is not known/)
    assert.throws(() => unpackEvent([1, 99]), /FileCreated version 99/)
    assert.throws(() => unpackEvent([8, 1, 'text']), /InodeFreed.ino: integer/)
    assert.throws(() => unpackEvent([8, 1]), /0 fields, not 1/)
  })
})

describe('frames', () => {
  const header = {
    epoch: 3,
    firstSeq: 7,
    time: { sec: 2 ** 33, nsec: 5 },
    previousHash: GENESIS_HASH,
  }

  test('decode(encode(records)) is the records', () => {
    const several = fc
      .integer({ min: 1, max: 30 })
      .chain((n) => fc.tuple(...Array.from({ length: n }, (_, i) => anyRecord(7 + i))))
    fc.assert(
      fc.property(several, (records) => {
        const frame = encodeFrame({ ...header, count: records.length }, records.map(packRecord))
        const decoded = decodeFrame(Buffer.from(frame.bytes))
        assert.deepEqual(decoded.hash, frame.hash)
        assert.equal(decoded.epoch, 3)
        assert.deepEqual(decoded.time, header.time)
        assert.deepEqual(plain(recordsOf(decoded)), plain(records))
      }),
      { numRuns: 100 },
    )
  })

  test('large frames are compressed and small ones are not', () => {
    const one = encodeFrame({ ...header, count: 1 }, [packRecord(aRecord(7, 'a'))])
    const records = Array.from({ length: 500 }, (_, i) => packRecord(aRecord(7 + i, `file${i}`)))
    const many = encodeFrame({ ...header, count: 500 }, records)
    assert.equal(one.bytes.length, 80 + one.payload.length)
    assert.ok(many.bytes.length < many.payload.length / 2)
  })

  test('any damaged byte is noticed, and any cut', () => {
    const records = [packRecord(aRecord(7, 'a')), packRecord(aRecord(8, 'b'))]
    const { bytes } = encodeFrame({ ...header, count: 2 }, records)
    for (let i = 0; i < bytes.length; i++) {
      const damaged = Buffer.from(bytes)
      damaged[i] = (damaged[i] as number) ^ 0x10
      assert.throws(() => decodeFrame(damaged), JournalFormatError, `byte ${i}`)
      assert.throws(() => decodeFrame(bytes.subarray(0, i)), JournalFormatError)
    }
  })
})

describe('verifyJournal', () => {
  const now = () => ({ sec: 1_700_000_000, nsec: 0 })

  test('counts what it proved', async () => {
    const journal = new MemoryJournal()
    let tail = await claim(journal, 'a', now)
    for (const size of [3, 400]) {
      const frame = frameAfter(tail, size)
      await journal.append(frame)
      tail = tailOf(frame)
    }
    const verified = await verifyJournal(journal)
    assert.equal(verified.frames, 3)
    assert.equal(verified.records, 404)
    assert.deepEqual(verified.tail, tail)
  })

  test('finds a frame that was exchanged for another valid one', async () => {
    const frames = [0, 1, 2].reduce<ReturnType<typeof frameAfter>[]>((all) => {
      const last = all.at(-1)
      const tail = last ? tailOf(last) : { epoch: 1, seq: 0, hash: GENESIS_HASH, time: now() }
      return [...all, frameAfter(tail, 2)]
    }, [])
    const [first, second, third] = frames as [
      (typeof frames)[0],
      (typeof frames)[0],
      (typeof frames)[0],
    ]
    assert.ok(first && second && third)
    const forged = encodeFrame(second, [packRecord(aRecord(3, 'x')), packRecord(aRecord(4, 'y'))])
    const reader = {
      tail: async () => tailOf(third),
      read: () => reader.stored(),
      stored: async function* () {
        yield* [first, forged, third]
      },
      close: async () => undefined,
    }
    await assert.rejects(verifyJournal(reader), /behind record 4: hash chain is broken/)
  })
})
