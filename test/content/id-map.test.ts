import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { IdMap } from '../../src/content/id-map.ts'

/** Made anew each time: equal ids are different objects, as those are that come from clients. */
const idOf = (n: number): string => createHash('sha256').update(`${n}`).digest('latin1')

/** Ids that differ behind what is hashed, which meet in one place, and others. */
const anyId = fc
  .record({ n: fc.nat(400), same: fc.boolean() })
  .map(({ n, same }) => (same ? `the same${idOf(n).slice(8)}` : idOf(n)))
const anyStep = fc.oneof(
  { weight: 3, arbitrary: fc.record({ set: anyId, value: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ delete: anyId }) },
  { weight: 1, arbitrary: fc.record({ get: anyId }) },
)

test('it has what a map has', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 1500, size: 'max' }), (steps) => {
      const [map, model] = [new IdMap<number>(), new Map<string, number>()]
      for (const step of steps) {
        if ('set' in step) {
          map.set(step.set, step.value)
          model.set(step.set, step.value)
        } else if ('delete' in step) {
          assert.equal(map.delete(step.delete), model.delete(step.delete))
        } else {
          assert.equal(map.get(step.get), model.get(step.get))
          assert.equal(map.has(step.get), model.has(step.get))
        }
      }
      assert.equal(map.size, model.size)
      assert.deepEqual(new Map(map.entries()), model)
      for (const [id, value] of model) assert.equal(map.get(id), value)
    }),
    { numRuns: 200 },
  )
})

test('what is deleted makes room for what comes', () => {
  const map = new IdMap<number>()
  const before = process.memoryUsage()
  for (let n = 0; n < 300_000; n++) {
    map.set(idOf(n), n)
    if (n >= 100) assert.equal(map.delete(idOf(n - 100)), true)
  }
  assert.equal(map.size, 100)
  const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers
  assert.ok(grown < 64 * 1024, `${grown} bytes for 100 ids`)
  assert.deepEqual(
    [...map.entries()].map(([, n]) => n).sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => 299_900 + i),
  )
})

test('entries may be deleted while they are gone through', () => {
  const map = new IdMap<number>()
  for (let n = 0; n < 1000; n++) map.set(idOf(n), n)
  for (const [id, n] of map.entries()) if (n % 2 === 0) map.delete(id)
  assert.equal(map.size, 500)
  for (let n = 0; n < 1000; n++) assert.equal(map.has(idOf(n)), n % 2 === 1)
})
