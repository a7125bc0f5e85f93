import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnsettledBlocks } from '../../src/journal/unsettled-blocks.ts'

const block = (id: string, length: number) => ({ id, bytes: Buffer.alloc(length) })
const POSITION = { segment: 4, offset: 5000 }

test('blocks are settled in the order in which they were appended, as far as they came', () => {
  const unsettled = new UnsettledBlocks()
  unsettled.add(3, [block('a', 10), block('b', 20)])
  unsettled.add(4, [])
  // A full disk had not taken it.
  unsettled.add(7, [block('c', 30)])
  unsettled.add(7, [block('c', 30)])
  unsettled.add(9, [block('a', 10), block('d', 40)])
  const first = unsettled.settle(8, new Uint32Array([2, 64, 1, 2, 128, 0, 4, 64, 1]), POSITION)
  assert.deepEqual(first.ids, ['a', 'b', 'c'])
  assert.deepEqual(first.written.ids, ['a', 'c'])
  assert.deepEqual([...first.written.places], [2, 64, 10, 4, 64, 30])
  assert.equal(first.written.places.buffer.byteLength, 24)
  assert.deepEqual(first.position, POSITION)
  assert.deepEqual(unsettled.settle(8, new Uint32Array(0), undefined).ids, [])
  const second = unsettled.settle(9, new Uint32Array([2, 64, 0, 4, 128, 1]), POSITION)
  assert.deepEqual(second.ids, ['a', 'd'])
  assert.deepEqual([...second.written.places], [4, 128, 40])
})
