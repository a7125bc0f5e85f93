import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
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

/** As the last of those that are read: nobody counts on it when others are evicted. */
function add(cache: BlockCache, n: number, size = SIZE): void {
  cache.keepWhole(cache.admit(idOf(n), size), Buffer.alloc(size, n))
}

const has = (cache: BlockCache, n: number): boolean => cache.piece(idOf(n), 0, 1) !== undefined

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

test('of blocks that are added one after another the last ones stay', () => {
  const cache = new BlockCache(MEMORY)
  for (let n = 0; n < 100; n++) add(cache, n)
  const here = Array.from({ length: 100 }, (_, n) => n).filter((n) => has(cache, n))
  const room = Math.floor((MEMORY * 3) / 4 / (SIZE + 300))
  assert.deepEqual(
    here,
    Array.from({ length: room }, (_, i) => 100 - room + i),
  )
})

test('what was too much because it was pinned goes when it no longer is', () => {
  const cache = new BlockCache(MEMORY)
  const count = 64
  for (let n = 0; n < count; n++) cache.pin(idOf(n), Buffer.alloc(2 * SIZE, n))
  assert.ok(cache.bytes > 2 * MEMORY)
  for (let n = 0; n < count; n++) cache.unpin(idOf(n))
  assert.ok(cache.bytes <= MEMORY, `${cache.bytes} bytes`)
})

/** What a block takes beside its bytes. */
const ENTRY = 300

interface Queued {
  readonly n: number
  readonly weight: number
  pins: number
  used: boolean
}

/** The clock as a queue: who is looked at and stays goes to its end. */
class Queue {
  private blocks: Queued[] = []

  get weight(): number {
    return this.blocks.reduce((sum, { weight }) => sum + weight, 0)
  }

  find(n: number): Queued | undefined {
    return this.blocks.find((block) => block.n === n)
  }

  admit(n: number, size: number): Queued {
    const block = this.find(n) ?? { n, weight: ENTRY + size, pins: 0, used: false }
    if (!this.blocks.includes(block)) this.blocks.push(block)
    return block
  }

  evict(): void {
    for (let i = 0; i < 64 && this.weight > (MEMORY * 3) / 4; i++) {
      const block = this.blocks.shift()
      if (block === undefined) return
      if (!block.used && block.pins === 0) continue
      block.used = false
      this.blocks.push(block)
    }
  }
}

const BLOCKS = 40
const anyBlock = fc.nat(BLOCKS - 1)
const sizeOf = (n: number): number => 1000 + ((n * 7919) % (5 * SIZE))
const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ load: anyBlock, pinned: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ read: anyBlock }) },
  { weight: 1, arbitrary: fc.record({ pin: anyBlock }) },
  { weight: 2, arbitrary: fc.record({ unpin: anyBlock }) },
)

test('the clock lets go as a queue with second chances would', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 200, size: 'max' }), (steps) => {
      const cache = new BlockCache(MEMORY)
      const queue = new Queue()
      for (const step of steps) {
        if ('load' in step) {
          const { load: n, pinned } = step
          const block = cache.admit(idOf(n), sizeOf(n))
          const queued = queue.admit(n, sizeOf(n))
          for (const one of [block, queued]) one.pins += pinned ? 1 : 0
          cache.keepWhole(block, Buffer.alloc(sizeOf(n), n))
          queue.evict()
          if (pinned) {
            cache.release(block)
            queued.pins -= 1
            queue.evict()
          }
        } else if ('read' in step) {
          const queued = queue.find(step.read)
          assert.equal(has(cache, step.read), queued !== undefined)
          if (queued !== undefined) queued.used = true
        } else {
          const n = 'pin' in step ? step.pin : step.unpin
          const queued = queue.find(n)
          // What is not on the clock would be kept beside it.
          if (queued === undefined) continue
          if ('pin' in step) {
            cache.pin(idOf(n), Buffer.alloc(sizeOf(n), n))
            queued.pins += 1
          } else if (queued.pins > 0) {
            cache.unpin(idOf(n))
            queued.pins -= 1
            queue.evict()
          }
          assert.equal(cache.isPinned(idOf(n)), queued.pins > 0)
        }
        assert.equal(cache.bytes, queue.weight)
      }
      for (let n = 0; n < BLOCKS; n++) assert.equal(has(cache, n), queue.find(n) !== undefined)
    }),
    { numRuns: 300 },
  )
})
