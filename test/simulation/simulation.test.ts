/**
 * Worlds in which everything fails that can: see simulation.ts. DFS_SEED=N repeats world N alone;
 * DFS_SOAK=M goes on for M minutes.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seedFromEnvironment } from '../seeded-random.ts'
import { soaking } from '../soak.ts'
import { type Options, type Outcome, Simulation } from './simulation.ts'

const LIVES = 8
const WORLDS = process.env['DFS_SEED'] === undefined ? 12 : 1

async function world(seed: number, kind: Omit<Options, 'seed' | 'lives'> = {}): Promise<Outcome> {
  try {
    return await new Simulation({ seed, lives: LIVES, ...kind }).run()
  } catch (error) {
    const again = `DFS_SEED=${seed} node --test test/simulation/simulation.test.ts`
    throw new Error(`world ${seed}: ${(error as Error).message}\nagain: ${again}`, { cause: error })
  }
}

const seed = seedFromEnvironment()

describe('simulation', () => {
  test(`nothing that was promised is lost (DFS_SEED=${seed})`, async () => {
    let next = seed
    do await world(next++)
    while (next < seed + WORLDS || soaking())
  })

  test(`nor is what is equal to what is collected (DFS_SEED=${seed})`, async () => {
    let [next, collected] = [seed, 0]
    do collected += (await world(next++, { collecting: true })).collected
    while (next < seed + WORLDS || soaking())
    assert.ok(collected > 0, 'nothing was collected')
  })

  test(`nor is what is cut off a file seen again (DFS_SEED=${seed})`, async () => {
    let [next, swept] = [seed, 0]
    do swept += (await world(next++, { sweeping: true })).swept
    while (next < seed + WORLDS || soaking())
    assert.ok(swept > 0, 'nothing was swept')
  })

  test(`a seed is a world (DFS_SEED=${seed})`, async () => {
    assert.deepEqual(await world(seed), await world(seed))
  })
})
