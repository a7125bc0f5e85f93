/** Events of older versions are lifted, step by step, as they are read. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Packr, unpack } from 'msgpackr'
import { Vocabulary } from '../../src/journal/event-codec.ts'
import type { Event } from '../../src/journal/events.ts'
import { JournalFormatError } from '../../src/journal/fields.ts'

/** An event that began with a name, then got a colour, and then lost the sign of its height. */
const specs = {
  Grown: { code: 200, version: 3, fields: { name: 'name', colour: 'text', height: 'int' } },
  Same: { code: 201, version: 1, fields: { id: 'int' } },
} as const
const steps = {
  Grown: {
    1: ([name, height]: readonly unknown[]) => [name, 'green', height],
    2: ([name, colour, height]: readonly unknown[]) => [name, colour, Math.abs(Number(height))],
  },
}
const vocabulary = new Vocabulary(specs, steps)
/** As it comes from a journal. */
const stored = (...packed: unknown[]): unknown =>
  unpack(new Packr({ useRecords: false }).pack(packed))

describe('an event of an older version', () => {
  test('is lifted over all versions behind it', () => {
    assert.deepEqual(vocabulary.unpack(stored(200, 1, 'oak', -7)), {
      type: 'Grown',
      name: 'oak',
      colour: 'green',
      height: 7,
    })
  })

  test('is lifted from the one before', () => {
    assert.deepEqual(vocabulary.unpack(stored(200, 2, Buffer.from([0xff]), 'red', -7)), {
      type: 'Grown',
      name: '\xff',
      colour: 'red',
      height: 7,
    })
  })

  test('is written in the version of today, which is not lifted', () => {
    const event = { type: 'Grown', name: 'oak', colour: 'red', height: 3 } as unknown as Event
    const packed = vocabulary.pack(event)
    assert.deepEqual(packed, [200, 3, 'oak', 'red', 3])
    assert.deepEqual(vocabulary.unpack(stored(...packed)), event)
  })
})

describe('an event is refused', () => {
  const cases: readonly (readonly [why: string, packed: unknown[], message: RegExp])[] = [
    ['of a newer version', [200, 4, 'oak', 'red', 3], /Grown version 4 is not known/],
    ['of a version that never was', [200, 0, 'oak', 3], /Grown version 0 is not known/],
    ['of no version', [200], /Grown version: integer expected/],
    ['of an unknown code', [202, 1, 7], /code 202 is not known/],
    ['with a field too many', [201, 1, 7, 8], /Same: 2 fields, not 1/],
    ['with a field of another type', [201, 1, 'seven'], /Same.id: integer expected/],
    ['whose old fields are too few', [200, 1], /Grown/],
  ]
  for (const [why, packed, message] of cases) {
    test(why, () => {
      assert.throws(
        () => vocabulary.unpack(stored(...packed)),
        (error: unknown) => error instanceof JournalFormatError && message.test(error.message),
      )
    })
  }
})

test('a new version without an upcast of the one before is a mistake that shows at once', () => {
  assert.throws(() => new Vocabulary({ Grown: specs.Grown }, {}), /Grown: no upcast of version 1/)
})
