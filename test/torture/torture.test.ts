/**
 * A short run of `npm run torture`: the server is killed once at each place that there is for it,
 * and at some moments. DFS_SEED repeats it as far as the machine repeats itself; DFS_SOAK=M goes on
 * for M minutes.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { faultPoints } from '../../src/platform/fault.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { soaking } from '../soak.ts'
import { someKill } from './kills.ts'
import { noFigures, Torture } from './torture.ts'

const seed = seedFromEnvironment()
const random = new SeededRandom(seed)
const figures = noFigures()
const load = { softTrees: 2, hardTrees: 2, files: [20_000, 300_000] }
const torture = new Torture(seed, figures, load)
const MOMENTS = 4
/** Some are passed only when an earlier life has left something to do. */
const TRIES = 4

before(() => torture.begin())
after(() => torture.end())

describe(`kill -9 (DFS_SEED=${seed})`, () => {
  for (const point of faultPoints) {
    test(`at ${point}`, { timeout: 120_000 }, async () => {
      for (let i = 0; i < TRIES && !figures.reached.has(point); i++) {
        await torture.round({ kind: 'fault', point, pass: 1 })
      }
      assert.ok(figures.reached.has(point), 'it is never passed')
    })
  }

  test('at some moments', async () => {
    for (let i = 0; i < MOMENTS; i++) {
      await torture.round({ kind: 'moment', millis: random.between(20, 400) })
    }
    while (soaking()) await torture.round(someKill(random))
    assert.ok(figures.acknowledged > 20 * figures.kills, `${figures.acknowledged} operations`)
  })
})
