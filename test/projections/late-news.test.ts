/** The writer hears of the store twice: by itself when it looks, and from the follower, later. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Core } from '../model/core-fixture.ts'
import { SeededRandom } from '../seeded-random.ts'

test('news of where the store was, which come late, change nothing', async () => {
  const core = await Core.create(new SeededRandom(1))
  const { world, follower } = core
  await core.createFile('first')
  const early = await follower.catchUp()
  await core.createFile('second')
  const late = await follower.catchUp()
  // Finds the store where it is, ahead of both news.
  const before = world.digest()
  world.onFlushed(early)
  await core.createFile('third')
  world.onFlushed(late)
  assert.notEqual(world.digest(), before)
  assert.equal(world.digest(), (await core.rebuilt()).digest())
})
