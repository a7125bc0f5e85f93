/**
 * `npm run torture [-- --kills N] [--seed N]`: kills a working server N times and prints the
 * figures. A data directory lives through so many kills; then the next one begins.
 */
import { parseArgs } from 'node:util'
import { faultPoints } from '../../src/platform/fault.ts'
import { SeededRandom } from '../seeded-random.ts'
import { type Figures, noFigures, someKill, Torture } from './torture.ts'

const KILLS_PER_DIRECTORY = 50

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '500' }, seed: { type: 'string' } },
})
const kills = Number(values.kills)
const seed = Number(values.seed ?? process.env['DFS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

async function lives(figures: Figures, directory: number, count: number): Promise<void> {
  const torture = new Torture(seed + directory, figures)
  const random = new SeededRandom(seed + directory)
  try {
    await torture.begin()
    for (let i = 0; i < count; i++) await torture.round(someKill(random))
  } finally {
    await torture.end()
  }
}

const started = performance.now()
const figures = noFigures()
try {
  for (let directory = 0; figures.kills < kills; directory++) {
    await lives(figures, directory, Math.min(KILLS_PER_DIRECTORY, kills - figures.kills))
    report()
  }
} catch (error) {
  console.error(`DFS_SEED=${seed} npm run torture -- --kills ${kills}`)
  report()
  throw error
}

function report(): void {
  const seconds = Math.round((performance.now() - started) / 1000)
  const { reached, ...rest } = figures
  const missed = faultPoints.filter((point) => !reached.has(point))
  console.log(JSON.stringify({ seed, seconds, ...rest, points: reached.size, missed }))
}
