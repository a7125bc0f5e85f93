import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MemoryPool } from '../../src/content/memory-pool.ts'
import { type Piece, Pieces } from '../../src/content/pieces.ts'
import { Staging } from '../../src/content/staging.ts'
import { BLOCK_MAX } from '../../src/platform/limits.ts'
import { StagingMachine, stagingStep } from './staging-machine.ts'

/** Offsets around the place where one block ends and the next begins. */
const BASE = BLOCK_MAX - 100
const SIZE = 200

type Step =
  | { readonly kind: 'put'; readonly at: number; readonly length: number }
  | { readonly kind: 'discard'; readonly at: number; readonly length: number }
  | { readonly kind: 'truncate'; readonly at: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      at: fc.nat(SIZE - 1),
      length: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('discard' as const),
      at: fc.nat(SIZE - 1),
      length: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const), at: fc.nat(SIZE) }) },
)

function apply(pieces: Pieces, model: (number | undefined)[], s: Step, n: number): void {
  if (s.kind === 'truncate') {
    pieces.truncate(BASE + s.at)
    model.fill(undefined, s.at)
    return
  }
  const end = s.at + s.length
  if (s.kind === 'put') pieces.put(BASE + s.at, Buffer.alloc(s.length, n))
  else pieces.discard(BASE + s.at, BASE + end)
  for (let i = s.at; i < end; i++) model[i] = s.kind === 'put' ? n : undefined
}

describe('Pieces', () => {
  test('are what was last written everywhere, and count it', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
        const pieces = new Pieces(new MemoryPool(1 << 20))
        const model: (number | undefined)[] = new Array(SIZE + 60).fill(undefined)
        for (const [n, s] of steps.entries()) apply(pieces, model, s, n + 1)
        const image = Buffer.alloc(model.length)
        pieces.overlay(BASE, image)
        assert.deepEqual(
          [...image],
          model.map((n) => n ?? 0),
        )
        assert.equal(pieces.bytes, model.filter((n) => n !== undefined).length)
        for (let i = 0; i < model.length; i += 7) {
          const some = model.slice(i, i + 5).some((n) => n !== undefined)
          assert.equal(pieces.overlaps(BASE + i, BASE + Math.min(i + 5, model.length)), some)
        }
        for (const [index, { pieces: chunk, bytes: counted }] of pieces.chunks) {
          assert.equal(
            counted,
            chunk.reduce((sum, { bytes }) => sum + bytes.length, 0),
          )
          let end = index * BLOCK_MAX
          for (const { offset, bytes } of chunk) {
            assert.ok(offset >= end && bytes.length > 0)
            end = offset + bytes.length
          }
          assert.ok(end <= (index + 1) * BLOCK_MAX)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('takeFull moves the chunks that are covered completely, and nothing else', () => {
    const pieces = new Pieces(new MemoryPool(1 << 20))
    pieces.put(0, Buffer.alloc(BLOCK_MAX))
    pieces.put(BLOCK_MAX, Buffer.alloc(BLOCK_MAX - 1))
    pieces.put(2 * BLOCK_MAX, Buffer.alloc(BLOCK_MAX / 2))
    pieces.put(2.5 * BLOCK_MAX, Buffer.alloc(BLOCK_MAX / 2))
    assert.equal(pieces.full, 2)
    const taken = pieces.takeFull()
    assert.deepEqual([...taken.chunks.keys()], [0, 2])
    assert.deepEqual([taken.bytes, pieces.bytes, pieces.full], [2 * BLOCK_MAX, BLOCK_MAX - 1, 0])
  })
})

describe('Staging', () => {
  const at = { sec: 1, nsec: 0 }
  const origin = { op: 0, client: 1, uid: 0, gid: 0, xid: 0, checksum: 0 }

  test('counts bytes in all and per share through seals, failures and removal', () => {
    const staging = new Staging()
    staging.write(1, 7, 1, 0, Buffer.alloc(100, 1), at, 0, origin)
    const file = staging.write(1, 7, 1, 50, Buffer.alloc(100, 2), at, 0, origin)
    staging.write(2, 8, 2, 0, Buffer.alloc(10, 3), at, 0, origin)
    assert.deepEqual([staging.bytes, staging.bytesOf(7), staging.bytesOf(8)], [160, 150, 10])
    staging.beginSeal(file, false)
    staging.write(1, 7, 1, 0, Buffer.alloc(20, 4), at, 0, origin)
    assert.equal(staging.bytesOf(7), 170)
    const image = Buffer.alloc(150)
    file.overlay(0, image)
    assert.deepEqual([image[0], image[30], image[60]], [4, 1, 2])
    staging.undoSeal(file)
    assert.equal(staging.bytesOf(7), 150)
    file.overlay(0, image)
    assert.deepEqual([image[0], image[30], image[60]], [4, 1, 2])
    staging.beginSeal(file, false)
    staging.endSeal(1, file)
    assert.equal(staging.find(1), undefined)
    staging.drop(2)
    assert.deepEqual([staging.bytes, staging.bytesOf(7), staging.bytesOf(8)], [0, 0, 0])
  })

  test('keeps copies, since the network uses its memory again', () => {
    const staging = new Staging()
    const network = Buffer.alloc(64 * 1024)
    const file = staging.write(1, 7, 1, 0, network.subarray(10, 110), at, 0, origin)
    staging.write(1, 7, 1, 1000, network.subarray(10, 60_010), at, 0, origin)
    network.fill(1)
    for (const { bytes } of file.fresh.overlapping(0, 100_000)) {
      assert.notEqual(bytes.buffer, network.buffer)
      assert.equal(bytes.indexOf(1), -1)
    }
  })

  test('memory is used again when a seal has ended, but not under who looks at it', () => {
    const staging = new Staging()
    const stage = (id: number, value: number): Buffer => {
      const file = staging.write(id, 7, id, 0, Buffer.alloc(BLOCK_MAX, value), at, 0, origin)
      const [piece] = file.fresh.overlapping(0, BLOCK_MAX)
      return (piece as Piece).bytes
    }
    const seal = (id: number) => {
      const file = staging.find(id)
      assert.ok(file)
      staging.beginSeal(file, false)
      staging.endSeal(id, file)
    }
    const first = stage(1, 1)
    const release = staging.hold()
    seal(1)
    assert.notEqual(stage(2, 2).buffer, first.buffer)
    assert.ok(first.equals(Buffer.alloc(BLOCK_MAX, 1)))
    release()
    assert.equal(stage(3, 3).buffer, first.buffer)
    seal(2)
    seal(3)
    assert.equal(staging.bytes, 0)
  })

  test('memory is counted with what others have written over, until nobody looks at it', () => {
    const staging = new Staging()
    let released = 0
    staging.onReleased = () => {
      released += 1
    }
    for (let i = 0; i < 100; i++) {
      staging.write(1, 7, 1, i % 2, Buffer.alloc(60_000, i), at, 0, origin)
    }
    assert.equal(staging.bytes, 60_001)
    assert.ok(staging.memory >= 100 * 60_000, `${staging.memory} bytes`)
    const release = staging.hold()
    staging.drop(1)
    assert.ok(staging.memory >= 100 * 60_000, 'somebody looks at it')
    assert.equal(released, 0)
    release()
    assert.deepEqual([staging.memory, staging.bytes, released], [0, 0, 1])
    // What does not fit into the list of what waits is given up, and no longer ours.
    staging.hold()
    for (let id = 1; id <= 300; id++) {
      staging.write(id, 7, id, 0, Buffer.alloc(10), at, 0, origin)
      staging.drop(id)
    }
    assert.equal(staging.memory, 256 * 1024)
  })

  test('what is sealed stays as it is, whatever is written, truncated or dropped meanwhile', () => {
    const staging = new Staging()
    const file = staging.write(1, 7, 1, 0, Buffer.alloc(9000, 1), at, 0, origin)
    const sealing = staging.beginSeal(file, false)
    staging.write(1, 7, 1, 0, Buffer.alloc(9000, 2), at, 0, origin)
    staging.truncate(1, 100)
    staging.drop(1)
    staging.write(2, 7, 2, 0, Buffer.alloc(9000, 3), at, 0, origin)
    const image = Buffer.alloc(9000)
    sealing.overlay(0, image)
    assert.ok(image.equals(Buffer.alloc(9000, 1)))
  })

  test('has what was written, and gives all memory back, whatever happens to files', () => {
    fc.assert(
      fc.property(fc.array(stagingStep, { maxLength: 80, size: 'max' }), (steps) => {
        const machine = new StagingMachine()
        for (const each of steps) machine.take(each)
        machine.end()
      }),
      { numRuns: 200 },
    )
  })
})
