/** Which stores are gone on with, and which are made anew. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LayoutError, readCheckpoint, writeCheckpoint } from '../../src/projections/checkpoint.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

const SEQ = 6
const KEY = Buffer.from('checkpoint')

/** A store as a release with that layout left it. */
function storeOf(layout: number): MemoryStore {
  const store = new MemoryStore()
  store.commit((writer) => writeCheckpoint(writer, { seq: 77, hash: 'h', digests: new Map() }))
  const row = Buffer.from(store.map('meta').get(KEY) as Buffer)
  row[SEQ] = layout
  store.commit((writer) => writer.put('meta', KEY, row))
  return store
}

test('a store without runs or machines is gone on with, an older one is not', () => {
  for (const layout of [3, 4, 5]) assert.equal(readCheckpoint(storeOf(layout)).seq, 77)
  for (const layout of [2, 6]) assert.throws(() => readCheckpoint(storeOf(layout)), LayoutError)
})

test('what is written is what this release reads as its own', () => {
  const store = storeOf(3)
  store.commit((writer) => writeCheckpoint(writer, readCheckpoint(store)))
  // An earlier release must make it anew: it would take a run for a row.
  assert.equal(store.map('meta').get(KEY)?.[SEQ], 5)
})
