/**
 * Kills a working server again and again, or cuts its power, and prints the figures. A data
 * directory lives through so many ends; then the next one begins. What failed is kept.
 */
import { parseArgs } from 'node:util'
import { faultPoints } from '../../src/platform/fault.ts'
import { SeededRandom } from '../seeded-random.ts'
import { someCut, someKill } from './kills.ts'
import { type Figures, fullLoad, noFigures, Torture } from './torture.ts'

const USAGE = `npm run torture -- [options]
  --kills N        how many ends, kills or power cuts (500)
  --seed N         repeats the choices of a run; moments only as far as the machine repeats itself
  --power-cuts     with each end of the server its power goes
  --collecting     nothing is retained, segments are small, and garbage is collected all the time
  --from N         begin with the Nth data directory of the seed (0)
`
const KILLS_PER_DIRECTORY = 50
const REPORT_MILLIS = 30_000

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '500' },
    seed: { type: 'string' },
    'power-cuts': { type: 'boolean', default: false },
    collecting: { type: 'boolean', default: false },
    from: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit()
}
const kills = Number(values.kills)
const { collecting, 'power-cuts': powerCuts } = values
const seed = Number(values.seed ?? process.env['DFS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

async function lives(figures: Figures, directory: number, count: number): Promise<void> {
  const torture = new Torture(seed + directory, figures, {
    ...fullLoad,
    powerCuts,
    collecting,
  })
  const random = new SeededRandom(seed + directory)
  try {
    await torture.begin()
    const until = figures.kills + count
    while (figures.kills < until) {
      await torture.round(powerCuts ? someCut(random) : someKill(random))
      if (performance.now() > said + REPORT_MILLIS) report()
    }
  } catch (error) {
    console.error(`what is there is kept in ${await torture.keep()}`)
    throw error
  }
  await torture.end()
}

const started = performance.now()
let said = started
const figures = noFigures()
try {
  for (let directory = Number(values.from); figures.kills < kills; directory++) {
    await lives(figures, directory, Math.min(KILLS_PER_DIRECTORY, kills - figures.kills))
    report()
  }
} catch (error) {
  console.error(`DFS_SEED=${seed} npm run torture -- ${process.argv.slice(2).join(' ')}`)
  report()
  console.error(error)
  process.exit(1)
}

function report(): void {
  said = performance.now()
  const seconds = Math.round((performance.now() - started) / 1000)
  const { reached, ...rest } = figures
  const missed = faultPoints.filter((point) => !reached.has(point))
  console.log(JSON.stringify({ seed, seconds, ...rest, points: reached.size, missed }))
}
