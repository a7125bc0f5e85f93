/** When what was folded comes to the store: in virtual time. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { KiB } from '../../src/platform/limits.ts'
import { Follower } from '../../src/projections/follower.ts'
import { World } from '../../src/projections/world.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Core } from '../model/core-fixture.ts'
import { SeededRandom } from '../seeded-random.ts'

/** Milliseconds, within 10, until one change is in the store. */
async function untilStored(t: TestContext, hurried: boolean): Promise<number> {
  const core = await Core.create(new SeededRandom(1))
  await core.createFile('file')
  await core.drain()
  const world = new World(new MemoryStore(), 64 * KiB)
  const follower = new Follower({ world, journal: core.journal })
  follower.hurry(hurried)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const stop = new AbortController()
  const following = follower.follow(stop.signal)
  while (world.seq < core.stream.durable) await turn()
  await turn()
  let millis = 0
  while (world.stored.seq < core.stream.durable && millis < 1000) {
    t.mock.timers.tick(10)
    millis += 10
    await turn()
  }
  t.mock.timers.reset()
  stop.abort()
  await following
  return millis
}

test('a change waits for others before it is stored, unless somebody waits for it', async (t) => {
  assert.equal(await untilStored(t, false), 250)
  assert.equal(await untilStored(t, true), 10)
})
