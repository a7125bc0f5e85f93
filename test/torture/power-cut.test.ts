/**
 * A short run of `npm run torture -- --power-cuts`: the server loses its power at random steps of
 * writing, and what it had not synced is dropped or torn. DFS_SEED repeats it as far as the machine
 * repeats itself; DFS_SOAK=M goes on for M minutes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { soaking } from '../soak.ts'
import { someCut } from './kills.ts'
import { whyNoPowerCut } from './power/power-cut.ts'
import { noFigures, Torture } from './torture.ts'

const seed = seedFromEnvironment()
const load = { softTrees: 2, hardTrees: 1, files: [20_000, 300_000], powerCuts: true }
const CUTS = 12
/** By then one of them has met something that was not synced; in a dozen it is not always so. */
const CUTS_MAX = 60
const skip = whyNoPowerCut() ?? false

test(`what was acknowledged outlives power cuts (DFS_SEED=${seed})`, { skip }, async () => {
  const random = new SeededRandom(seed)
  const figures = noFigures()
  const torture = new Torture(seed, figures, load)
  try {
    await torture.begin()
    const enough = () =>
      figures.kills >= CUTS && (figures.unsynced > 0 || figures.kills >= CUTS_MAX)
    while (!enough() || soaking()) await torture.round(someCut(random))
    assert.ok(figures.unsynced > 0 && figures.acknowledged > 0, JSON.stringify(figures))
  } finally {
    await torture.end()
  }
})
