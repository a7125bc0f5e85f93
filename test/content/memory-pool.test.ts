import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isShared, MemoryPool } from '../../src/content/memory-pool.ts'
import { KiB, MiB } from '../../src/platform/limits.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'

describe('MemoryPool', () => {
  test('gives what is large enough, and to one at a time', () => {
    const seed = seedFromEnvironment()
    const random = new SeededRandom(seed)
    const pool = new MemoryPool(4 * MiB)
    const taken: Buffer[] = []
    for (let step = 0; step < 3000; step++) {
      if (random.chance(0.5)) {
        const size = random.chance(0.1) ? MiB - random.below(2) : 1 + random.below(70_000)
        const buffer = pool.take(size)
        assert.ok(buffer.length >= size && buffer.length < Math.max(2 * size, KiB + 1))
        assert.ok(!taken.some((other) => other.buffer === buffer.buffer), `seed ${seed}`)
        taken.push(buffer)
      } else if (taken.length > 0) {
        const [given] = taken.splice(random.below(taken.length), 1)
        pool.give(given as Buffer)
      }
      assert.ok(pool.bytes <= 4 * MiB, `seed ${seed}, step ${step}: ${pool.bytes} bytes`)
    }
  })

  test('uses again what it was given', () => {
    const pool = new MemoryPool(MiB)
    const first = pool.take(5000)
    pool.give(first)
    assert.equal(pool.take(8000).buffer, first.buffer)
  })

  test('beyond its limit memory is ordinary, and none of its own', () => {
    const pool = new MemoryPool(2 * MiB)
    const some = [pool.take(MiB), pool.take(MiB), pool.take(MiB)]
    assert.deepEqual(some.map(isShared), [true, true, false])
    pool.give(some[2] as Buffer)
    assert.ok(!isShared(pool.take(MiB)))
  })

  test('what is free of one size makes room for another', () => {
    const pool = new MemoryPool(MiB)
    const small = Array.from({ length: 256 }, () => pool.take(4 * KiB))
    for (const buffer of small) pool.give(buffer)
    assert.ok(isShared(pool.take(MiB)))
    assert.equal(pool.bytes, MiB)
  })
})
