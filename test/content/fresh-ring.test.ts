import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FreshRing, UNIT } from '../../src/content/fresh-ring.ts'

const UNITS = 16

interface Kept {
  readonly id: string
  readonly bytes: Buffer
  /** Of all units that were ever handed out. */
  readonly at: number
  pins: number
  used: boolean
}

/** The same with an object for each block, and memory that has no end. */
class Model {
  kept: Kept[] = []
  readonly left: string[] = []
  private head = 0

  keep(id: string, bytes: Buffer): boolean {
    const count = Math.ceil(bytes.length / UNIT)
    if (count === 0 || count > UNITS) return false
    const rest = UNITS - (this.head % UNITS)
    const at = count > rest ? this.head + rest : this.head
    for (;;) {
      const [oldest] = this.kept
      if (oldest === undefined || oldest.at >= at + count - UNITS) break
      if (oldest.pins > 0) return false
      if (oldest.used) this.left.push(oldest.id)
      this.kept = this.kept.slice(1)
    }
    this.kept.push({ id, bytes, at, pins: 0, used: false })
    this.head = at + count
    return true
  }
}

const anyBlock = fc.nat(30)
const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ keep: fc.nat(7 * UNIT), like: anyBlock }) },
  { weight: 1, arbitrary: fc.record({ keep: fc.nat((UNITS + 2) * UNIT), like: anyBlock }) },
  { weight: 2, arbitrary: fc.record({ pin: anyBlock }) },
  { weight: 3, arbitrary: fc.record({ unpin: anyBlock }) },
  {
    weight: 2,
    arbitrary: fc.record({ read: anyBlock, offset: fc.nat(1000), length: fc.nat(2000) }),
  },
)

test('the ring keeps, pins and lets go as blocks with objects of their own would', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 120, size: 'max' }), (steps) => {
      const model = new Model()
      const left: string[] = []
      const bytesLeft: Buffer[] = []
      const ring = new FreshRing(UNITS * UNIT + 100, (id, bytes) => {
        left.push(id)
        bytesLeft.push(Buffer.from(bytes))
      })
      const written = new Map<string, Buffer>()
      let names = 0
      const nth = (n: number) => model.kept[n % Math.max(1, model.kept.length)]
      const slotOf = (block: Kept) => {
        const slot = ring.find(block.id)
        assert.ok(slot !== undefined, `${block.id} is here`)
        return slot
      }
      for (const step of steps) {
        if ('keep' in step) {
          names += 1
          // Some come again that were here before.
          const again = `block ${step.like}`
          const id = written.has(again) && ring.find(again) === undefined ? again : `block ${names}`
          const bytes = written.get(id) ?? Buffer.alloc(step.keep, names)
          written.set(id, bytes)
          assert.equal(ring.keep(id, bytes) !== undefined, model.keep(id, bytes))
        } else if ('pin' in step) {
          const block = nth(step.pin)
          if (block === undefined) continue
          ring.pin(slotOf(block))
          block.pins += 1
        } else if ('unpin' in step) {
          const block = nth(step.unpin)
          if (block === undefined) continue
          ring.unpin(slotOf(block))
          block.pins = Math.max(0, block.pins - 1)
        } else {
          const block = nth(step.read)
          if (block === undefined) continue
          const { offset, length } = step
          const piece = ring.read(slotOf(block), offset, length)
          assert.deepEqual(piece, block.bytes.subarray(offset, offset + length))
          block.used = true
        }
        for (const block of model.kept) {
          const slot = slotOf(block)
          assert.deepEqual(ring.view(slot), block.bytes)
          assert.equal(ring.isPinned(slot), block.pins > 0)
        }
        const here = [...written.keys()].filter((id) => ring.find(id) !== undefined)
        assert.equal(here.length, model.kept.length)
        assert.deepEqual(left, model.left)
        assert.deepEqual(
          bytesLeft,
          left.map((id) => written.get(id)),
        )
      }
    }),
    { numRuns: 300 },
  )
})

test('a ring that is smaller than the smallest block keeps none', () => {
  const ring = new FreshRing(UNIT - 1, () => assert.fail('nothing was here'))
  assert.equal(ring.keep('a', Buffer.alloc(1)), undefined)
  assert.equal(ring.bytes, 0)
})

test('what was read out of the ring is a copy, what is pinned is not', () => {
  const ring = new FreshRing(UNIT, () => undefined)
  const first = ring.keep('a', Buffer.alloc(UNIT, 1)) as number
  const copy = ring.read(first, 0, UNIT)
  const view = ring.view(first)
  assert.ok(ring.keep('b', Buffer.alloc(UNIT, 2)) !== undefined)
  assert.deepEqual(copy, Buffer.alloc(UNIT, 1))
  assert.deepEqual(view, Buffer.alloc(UNIT, 2))
})
