import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RecentPlaces } from '../../src/content/recent-places.ts'
import type { FoundBlock } from '../../src/content/segment.ts'

/** The same with an object for each block. */
class Model {
  readonly recent = new Map<string, FoundBlock>()
  private queue: FoundBlock[] = []

  add(block: FoundBlock): void {
    this.recent.set(block.id, block)
    this.queue.push(block)
  }

  indexed(segment: number, offset: number): void {
    const isBefore = (block: FoundBlock) =>
      block.segment < segment || (block.segment === segment && block.offset < offset)
    const later = this.queue.findIndex((block) => !isBefore(block))
    const gone = this.queue.splice(0, later < 0 ? this.queue.length : later)
    for (const block of gone) {
      if (this.recent.get(block.id) === block) this.recent.delete(block.id)
    }
  }

  dropSegment(segment: number): void {
    for (const [id, place] of this.recent) if (place.segment === segment) this.recent.delete(id)
  }
}

const IDS = 300
const idOf = (n: number) => `block ${n % IDS}`
const anyStep = fc.oneof(
  // More than there is room for at first, some of them equal.
  {
    weight: 4,
    arbitrary: fc.record({ add: fc.nat(90), from: fc.nat(IDS), next: fc.boolean() }),
  },
  // How many of the segments, and of the bytes of the last one, the index has.
  { weight: 3, arbitrary: fc.record({ indexed: fc.nat(8), bytes: fc.nat(3000) }) },
  { weight: 1, arbitrary: fc.record({ drop: fc.nat(8) }) },
)

test('recent places come and go as objects in a queue and a map would', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 40, size: 'max' }), (steps) => {
      const model = new Model()
      const places = new RecentPlaces()
      let segment = 1
      let offset = 64
      for (const step of steps) {
        if ('add' in step) {
          for (let i = 0; i < step.add; i++) {
            const block = { id: idOf(step.from + i), segment, offset, length: 1 + i }
            model.add(block)
            places.add(block.id, segment, offset, block.length)
            offset += 8
          }
          if (step.next) {
            segment += 2
            offset = 64
          }
        } else if ('indexed' in step) {
          const behind = Math.max(1, segment - 2 * step.indexed)
          // Never more than there is.
          const bytes = behind === segment ? Math.min(step.bytes, offset) : step.bytes
          model.indexed(behind, bytes)
          places.indexed({ segment: behind, offset: bytes })
        } else {
          const dropped = Math.max(1, segment - 2 * step.drop)
          model.dropSegment(dropped)
          places.dropSegment(dropped)
        }
        for (let n = 0; n < IDS; n++) {
          const block = model.recent.get(idOf(n))
          const { id: _, ...place } = block ?? { id: '' }
          assert.deepEqual(places.get(idOf(n)), block && place)
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('many places that the index takes at once are forgotten with their room', () => {
  const places = new RecentPlaces()
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 80_000; n++) places.add(`block ${n}`, 2 * round, n, 1)
    assert.deepEqual(places.get('block 79999'), { segment: 2 * round, offset: 79_999, length: 1 })
    places.indexed({ segment: 2 * round, offset: 79_999 })
    assert.equal(places.get('block 0'), undefined)
    assert.equal(places.get('block 79998'), undefined)
    assert.ok(places.get('block 79999'))
    assert.ok(places.rows < 80_000, 'a part is forgotten at once')
    for (let n = 0; n < 80_000; n++) places.add(`later ${n}`, 2 * round, 80_000 + n, 1)
    assert.equal(places.rows, 80_001, 'the rest when others have come')
    places.indexed({ segment: 2 * round, offset: 160_000 })
    for (let i = 0; i < 100; i++) places.indexed({ segment: 2 * round, offset: 160_000 })
    assert.equal(places.get('later 79999'), undefined)
    assert.equal(places.rows, 0)
  }
})
