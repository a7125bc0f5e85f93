/**
 * `npm run torture -- [--kills N] [--seed N] [--power-cuts]`: kills a working server N times, or
 * cuts its power, and prints the figures. A data directory lives through so many ends; then the
 * next one begins.
 */
import { parseArgs } from 'node:util'
import { faultPoints } from '../../src/platform/fault.ts'
import { SeededRandom } from '../seeded-random.ts'
import { someCut, someKill } from './kills.ts'
import { type Figures, fullLoad, noFigures, Torture } from './torture.ts'

const KILLS_PER_DIRECTORY = 50
const REPORT_MILLIS = 30_000

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '500' },
    seed: { type: 'string' },
    'power-cuts': { type: 'boolean', default: false },
  },
})
const kills = Number(values.kills)
const powerCuts = values['power-cuts']
const seed = Number(values.seed ?? process.env['DFS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

async function lives(figures: Figures, directory: number, count: number): Promise<void> {
  const torture = new Torture(seed + directory, figures, { ...fullLoad, powerCuts })
  const random = new SeededRandom(seed + directory)
  try {
    await torture.begin()
    const until = figures.kills + count
    while (figures.kills < until) {
      await torture.round(powerCuts ? someCut(random) : someKill(random))
      if (performance.now() > said + REPORT_MILLIS) report()
    }
  } finally {
    await torture.end()
  }
}

const started = performance.now()
let said = started
const figures = noFigures()
try {
  for (let directory = 0; figures.kills < kills; directory++) {
    await lives(figures, directory, Math.min(KILLS_PER_DIRECTORY, kills - figures.kills))
    report()
  }
} catch (error) {
  console.error(`DFS_SEED=${seed} npm run torture -- ${process.argv.slice(2).join(' ')}`)
  report()
  throw error
}

function report(): void {
  said = performance.now()
  const seconds = Math.round((performance.now() - started) / 1000)
  const { reached, ...rest } = figures
  const missed = faultPoints.filter((point) => !reached.has(point))
  console.log(JSON.stringify({ seed, seconds, ...rest, points: reached.size, missed }))
}
