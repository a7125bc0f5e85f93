import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { AppendSlot } from '../../src/journal/append-slot.ts'
import { entryOf, finishEntry, SALT, wholeAt } from '../../src/journal/tail-entry.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'

const idOf = (n: number): string => String.fromCharCode(n, 255 - n).padEnd(32, '\xff')
const salt = Buffer.alloc(SALT, 0x77)

test('what is asked in one thread is what the other appends', () => {
  const seed = seedFromEnvironment()
  const random = new SeededRandom(seed)
  const here = new AppendSlot()
  const there = new AppendSlot(here.memory)
  for (let round = 0; round < 200; round++) {
    const frame = random.bytes(100 + random.below(5000))
    const blocks = Array.from({ length: random.below(20) }, (_, i) => ({
      id: idOf(i),
      bytes: random.bytes(1 + random.below(5000)),
    }))
    assert.equal(there.take(), undefined)
    assert.equal(here.ask(frame, blocks), true)
    const taken = there.take() as Buffer
    assert.equal(there.take(), undefined, 'taken once')
    finishEntry(taken, 2 ** 40 + round, 2 ** 32 - 1, salt)
    const whole = wholeAt(Buffer.from(taken), 0, salt) as Buffer
    const logged = blocks.map((block) => ({ ...block, checksum: crc32(block.bytes) }))
    const expected = { frame, blocks: logged, segment: 2 ** 32 - 1 }
    assert.deepEqual(entryOf(whole), expected, `seed ${seed}`)
  }
})

test('what does not fit is not taken', () => {
  const slot = new AppendSlot()
  const bytes = Buffer.alloc(1024 * 1024)
  const blocks = [idOf(1), idOf(2)].map((id) => ({ id, bytes }))
  assert.equal(slot.ask(Buffer.alloc(10), blocks), false)
  assert.equal(slot.take(), undefined)
})

test('whoever asked hears when it is durable, however fast that was', async () => {
  const here = new AppendSlot()
  const there = new AppendSlot(here.memory)
  const heard: number[] = []
  const said = () => heard.join()
  const ask = (n: number) => assert.equal(here.ask(Buffer.alloc(n), []), true)
  ask(1)
  here.whenAppended(() => heard.push(1))
  await turn()
  assert.equal(said(), '', 'not before it is')
  assert.ok(there.take())
  there.tellAppended()
  while (heard.length === 0) await turn()

  ask(2)
  assert.ok(there.take())
  there.tellAppended()
  here.whenAppended(() => heard.push(2))
  assert.equal(said(), '1,2', 'it was before we asked when')

  ask(3)
  here.whenAppended(() => heard.push(3))
  assert.ok(there.take())
  there.tellFailed()
  for (let i = 0; i < 20; i++) await turn()
  assert.equal(said(), '1,2', 'it has failed')
  ask(4)
  here.whenAppended(() => heard.push(4))
  await turn()
  assert.equal(said(), '1,2', 'one that failed says nothing of the next')
  assert.ok(there.take())
  there.tellAppended()
  while (!heard.includes(4)) await turn()
  assert.equal(said(), '1,2,4', 'nobody waits for what has failed')
})
