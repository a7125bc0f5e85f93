import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppendSlot } from '../../src/journal/append-slot.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'

const idOf = (n: number): string => String.fromCharCode(n, 255 - n).padEnd(32, '\xff')

test('what is asked in one thread is what the other has, and the same with the answer', () => {
  const seed = seedFromEnvironment()
  const random = new SeededRandom(seed)
  const here = new AppendSlot()
  const there = new AppendSlot(here.memory)
  for (let round = 0; round < 200; round++) {
    const frame = random.bytes(1 + random.below(5000))
    const blocks = Array.from({ length: random.below(20) }, (_, i) => ({
      id: idOf(i),
      bytes: random.bytes(1 + random.below(5000)),
    }))
    assert.equal(there.take(), false)
    assert.equal(here.ask(frame, blocks), true)
    assert.deepEqual([there.take(), there.take()], [true, false], 'taken once')
    const asked = there.asked()
    assert.deepEqual(asked.frame, frame, `seed ${seed}`)
    assert.deepEqual(
      asked.blocks.map(({ id, bytes }) => ({ id, bytes: Buffer.from(bytes) })),
      blocks,
      `seed ${seed}`,
    )
    if (blocks.length === 0) continue
    const locations = blocks.map(({ bytes }, i) => ({
      segment: 2 ** 31 + i,
      offset: 2 ** 32 - 1 - i,
      length: bytes.length,
    }))
    // Some were known before, and tell nothing new.
    const written = locations.flatMap((place, i) =>
      i % 3 === 0 ? [] : [{ ...place, id: idOf(i) }],
    )
    const position = { segment: 7, offset: 2 ** 32 - 1 }
    there.answer({ locations, written, position })
    assert.deepEqual(here.answered(blocks), { written, position }, `seed ${seed}`)
  }
})

test('what does not fit is not taken', () => {
  const slot = new AppendSlot()
  const bytes = Buffer.alloc(1024 * 1024)
  const blocks = [idOf(1), idOf(2)].map((id) => ({ id, bytes }))
  assert.equal(slot.ask(Buffer.alloc(10), blocks), false)
  assert.equal(slot.take(), false)
})
