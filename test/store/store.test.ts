import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { stores } from './stores.ts'

const key = fc
  .uint8Array({ minLength: 1, maxLength: 3, max: 3 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))
const change = fc.tuple(
  key,
  fc.option(fc.uint8Array({ minLength: 1, maxLength: 300, size: 'max' })),
)

for (const [name, make] of Object.entries(stores)) {
  describe(`${name}: store contract`, () => {
    test('it is a sorted map', async () => {
      const { store, dispose } = make()
      const map = store.map('m')
      const model = new Map<string, string>()
      fc.assert(
        fc.property(fc.array(change, { maxLength: 60, size: 'max' }), key, key, (changes, a, b) => {
          store.commit((writer) => {
            for (const [k, value] of changes) {
              if (value === null) {
                writer.remove('m', Buffer.from(k, 'hex'))
                model.delete(k)
              } else {
                writer.put('m', Buffer.from(k, 'hex'), Buffer.from(value))
                model.set(k, Buffer.from(value).toString('hex'))
              }
            }
          })
          store.refresh()
          for (const [k, value] of model) {
            const found = map.get(Buffer.from(k, 'hex'))
            assert.equal(found?.subarray(0, found.length).toString('hex'), value)
          }
          assert.equal(map.get(Buffer.from('ff', 'hex')), undefined)
          const [from, to] = a < b ? [a, b] : [b, a]
          const expected = [...model].filter(([k]) => k >= from && k < to).sort()
          const [start, end] = [Buffer.from(from, 'hex'), Buffer.from(to, 'hex')]
          const found = [...map.range(start, end)].map((e) => [
            e.key.toString('hex'),
            e.value.toString('hex'),
          ])
          assert.deepEqual(found, expected)
          const last = map.last(start, end)
          assert.equal(last?.key.toString('hex'), expected.at(-1)?.[0])
          assert.equal(last?.value.toString('hex'), expected.at(-1)?.[1])
        }),
        { numRuns: 200 },
      )
      await dispose()
    })

    test('a change that throws has not happened', async () => {
      const { store, dispose } = make()
      const map = store.map('m')
      if (name !== 'memory') {
        assert.throws(() =>
          store.commit((writer) => {
            writer.put('m', Buffer.from('k'), Buffer.from('v'))
            throw new Error('stop')
          }),
        )
        store.refresh()
        assert.equal(map.get(Buffer.from('k')), undefined)
      }
      await dispose()
    })
  })
}
