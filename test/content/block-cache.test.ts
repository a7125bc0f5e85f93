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

function load(cache: BlockCache, n: number): void {
  const block = cache.admit(idOf(n), SIZE)
  block.pins += 1
  cache.keepWhole(block, bytesOf(n))
  cache.release(block)
}

test('what was read of a written block is not changed by what is written later', () => {
  const cache = new BlockCache(MEMORY)
  write(cache, 1)
  const piece = cache.piece(idOf(1), 100, 200)
  for (let n = 2; n < 40; n++) write(cache, n)
  assert.deepEqual(piece, bytesOf(1).subarray(0, 200))
})

test('a block that no disk has yet stays as it is, whatever is written', () => {
  const cache = new BlockCache(MEMORY)
  const kept = cache.pin(idOf(1), bytesOf(1))
  for (let n = 2; n < 100; n++) {
    write(cache, n)
    assert.deepEqual(cache.piece(idOf(n), 0, SIZE), bytesOf(n))
  }
  assert.deepEqual(kept, bytesOf(1))
  assert.deepEqual(cache.piece(idOf(1), 0, SIZE), bytesOf(1))
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
      assert.deepEqual(cache.piece(id, 0, expected.length), expected)
    }
  }
})

test('of written blocks those stay that are read; the others make room', () => {
  const cache = new BlockCache(MEMORY)
  write(cache, 1)
  write(cache, 2)
  assert.ok(cache.piece(idOf(1), 0, SIZE))
  for (let n = 3; n < 20; n++) write(cache, n)
  assert.deepEqual(cache.piece(idOf(1), 0, SIZE), bytesOf(1))
  assert.equal(cache.piece(idOf(2), 0, SIZE), undefined)
  assert.ok(cache.bytes < MEMORY)
})

test('a block is written while it is being read, and is evicted by neither', () => {
  const cache = new BlockCache(MEMORY)
  const reading = cache.admit(idOf(1), SIZE)
  reading.pins += 1
  const kept = cache.pin(idOf(1), bytesOf(1))
  cache.keepWhole(reading, bytesOf(1))
  cache.release(reading)
  assert.ok(cache.isPinned(idOf(1)), 'no disk has it yet')
  for (let n = 2; n < 200; n++) load(cache, n)
  assert.deepEqual(cache.piece(idOf(1), 0, SIZE), bytesOf(1))
  assert.deepEqual(kept, bytesOf(1))
  cache.unpin(idOf(1))
  for (let n = 200; n < 400; n++) load(cache, n)
  assert.equal(cache.piece(idOf(1), 0, SIZE), undefined)
})

test('a block is read from a disk while what was written of it is kept', () => {
  const cache = new BlockCache(MEMORY)
  const kept = cache.pin(idOf(1), bytesOf(1))
  const reading = cache.admit(idOf(1), SIZE)
  reading.pins += 1
  assert.deepEqual(cache.piece(idOf(1), 0, SIZE), bytesOf(1))
  cache.keepGranules(reading, 0, bytesOf(1))
  cache.release(reading)
  cache.pin(idOf(1), bytesOf(1))
  cache.unpin(idOf(1))
  assert.ok(cache.isPinned(idOf(1)), 'it was pinned twice')
  for (let n = 2; n < 100; n++) write(cache, n)
  assert.deepEqual(kept, bytesOf(1))
  cache.unpin(idOf(1))
  assert.ok(!cache.isPinned(idOf(1)))
  for (let n = 100; n < 200; n++) write(cache, n)
  assert.deepEqual(cache.piece(idOf(1), 0, SIZE), bytesOf(1))
})

test('what stands in the way of new blocks is pinned: those are kept beside the ring', () => {
  const cache = new BlockCache(MEMORY)
  const pinned = Array.from({ length: 12 }, (_, n) => cache.pin(idOf(n), bytesOf(n)))
  for (const [n, bytes] of pinned.entries()) {
    assert.deepEqual(bytes, bytesOf(n))
    cache.unpin(idOf(n))
    assert.ok(!cache.isPinned(idOf(n)))
  }
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
