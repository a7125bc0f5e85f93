import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlockCache } from '../../src/content/block-cache.ts'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockStore } from '../../src/content/block-store.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { laneOf, lanes } from '../../src/content/segment.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { MemoryDisk } from '../model/memory-disk.ts'

const SIZE = 4096
/** So that a quarter of it, for what was just written, takes eight blocks. */
const MEMORY = 4 * 8 * SIZE

const bytesOf = (n: number) => Buffer.alloc(SIZE, n % 251)
const idOf = (n: number) => String(n).padStart(32)

function write(cache: BlockCache, n: number): void {
  cache.pin(idOf(n), bytesOf(n))
  cache.unpin(idOf(n))
}

test('what was read of a written block is not changed by what is written later', () => {
  const cache = new BlockCache(MEMORY)
  write(cache, 1)
  const piece = cache.find(idOf(1))?.piece(100, 200)
  for (let n = 2; n < 40; n++) write(cache, n)
  assert.deepEqual(piece, bytesOf(1).subarray(0, 200))
})

test('a block that no disk has yet stays as it is, whatever is written', () => {
  const cache = new BlockCache(MEMORY)
  const kept = cache.pin(idOf(1), bytesOf(1))
  for (let n = 2; n < 100; n++) {
    write(cache, n)
    assert.deepEqual(cache.find(idOf(n))?.piece(0, SIZE), bytesOf(n))
  }
  assert.deepEqual(kept, bytesOf(1))
  assert.deepEqual(cache.find(idOf(1))?.piece(0, SIZE), bytesOf(1))
})

test('blocks of all sizes follow one another without touching one another', () => {
  const cache = new BlockCache(MEMORY)
  const written: { id: string; bytes: Buffer }[] = []
  for (let n = 0; n < 300; n++) {
    const bytes = Buffer.alloc(1 + ((n * 977) % (2 * SIZE)), n % 251)
    written.push({ id: idOf(n), bytes })
    cache.pin(idOf(n), bytes)
    if (n >= 3) cache.unpin(idOf(n - 3))
    for (const { id, bytes: expected } of written.slice(-3)) {
      assert.deepEqual(cache.find(id)?.piece(0, expected.length), expected)
    }
  }
})

test('of written blocks those stay that are read; the others make room', () => {
  const cache = new BlockCache(MEMORY)
  write(cache, 1)
  write(cache, 2)
  assert.ok(cache.find(idOf(1)))
  for (let n = 3; n < 20; n++) write(cache, n)
  assert.deepEqual(cache.find(idOf(1))?.piece(0, SIZE), bytesOf(1))
  assert.equal(cache.find(idOf(2)), undefined)
  assert.ok(cache.bytes < MEMORY)
})

test('blocks that are loaded while others are evicted do not count for ever', async () => {
  const disk = new MemoryDisk()
  const index = new BlockIndex(new MemoryStore())
  const writer = new BlockWriter(index, { disk, lane: lanes.bulk })
  const all = Array.from({ length: 400 }, (_, n) => identified(Buffer.alloc(SIZE, `${n} `)))
  const { written, position } = writer.store(all)
  index.change(written, [], new Map([[laneOf(position.segment), position]]))
  const store = new BlockStore({
    disk,
    index,
    memory: MEMORY,
    onDamage: (error) => assert.fail(error),
    search: async () => false,
  })
  for (let round = 0; round < 5; round++) {
    await Promise.all(all.map(({ id }) => store.read(id, 0, SIZE)))
  }
  assert.ok(store.cachedBytes <= MEMORY + 16 * SIZE, `${store.cachedBytes} bytes`)
  const [{ id, bytes }] = all as [(typeof all)[number]]
  await store.read(id, 0, SIZE)
  const again = store.read(id, 0, SIZE)
  assert.ok(Buffer.isBuffer(again), 'it is read from memory')
  assert.deepEqual(again, bytes)
  store.close()
})
