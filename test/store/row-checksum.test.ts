import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkedValue, withChecksum } from '../../src/store/row-checksum.ts'

const bytes = (minLength: number) =>
  fc.uint8Array({ minLength, maxLength: 200 }).map((array) => Buffer.from(array))

test('a value comes back, and any flipped bit of it, its key or its checksum shows', () => {
  fc.assert(
    fc.property(bytes(1), bytes(0), fc.nat(), fc.nat(7), (key, value, at, bit) => {
      const stored = Buffer.from(withChecksum(key, value))
      assert.deepEqual(checkedValue(key, stored), value)
      const whole = Buffer.concat([key, stored])
      const byte = at % whole.length
      whole[byte] = (whole[byte] as number) ^ (1 << bit)
      const [badKey, bad] = [whole.subarray(0, key.length), whole.subarray(key.length)]
      assert.equal(checkedValue(badKey, bad), undefined)
    }),
    { numRuns: 2000 },
  )
})

test('a value that was cut shows', () => {
  const key = Buffer.from('key')
  const stored = Buffer.from(withChecksum(key, Buffer.from('a value')))
  for (let n = 0; n < stored.length; n++) {
    assert.equal(checkedValue(key, stored.subarray(0, n)), undefined)
  }
})
