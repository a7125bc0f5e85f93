/**
 * `node bench/scale.ts`: what our server makes of a million files. Creates them over the wire, then
 * measures the journal, memory, starting after a clean stop and after a kill with the page cache
 * warm and cold, memory while all of them are listed, and a rebuild.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CreateCalls } from './load/call-sources.ts'
import { LatencyHistogram } from './load/latency-histogram.ts'
import { LoadConnection } from './load/load-connection.ts'
import { type Memory, memoryOf } from './load/process-usage.ts'
import { FailureTally } from './load/reply-verdict.ts'
import { restart, ScaleExperiments } from './load/scale-experiments.ts'
import { makeDirectories, openWorkplace, USER } from './load/working-set.ts'
import type { RunningPeer } from './peers/peer.ts'
import { significant } from './report/figures.ts'
import { machineFacts } from './report/machine-facts.ts'

const HELP = `Usage: node bench/scale.ts [--files N] [--directories N] [--rounds N] [--json FILE]
                           [--dir DIR] [--keep DIR] [--only PHASE,…]

Creates N files (1,000,000) over N directories (1,000) and reports creates per second, journal
bytes per create, memory, time to start after a clean stop and after kill -9, memory while all of
them are listed, and rebuild rate; medians of N rounds (3). Cold: the page cache is dropped before,
which only root may.

--keep keeps what the server left when it was killed behind the last create, in DIR; when DIR is
there already, nothing is created. --only: of killed, clean, list and rebuild, those.
`
const PHASES = ['killed', 'clean', 'list', 'rebuild'] as const
type Phase = (typeof PHASES)[number]
const ROOT = join(import.meta.dirname, '..')
const CONNECTIONS = 4
const IN_FLIGHT = 16
const PROGRESS_EVERY_MS = 5000

/** The one place that knows where the journal lies: every file below `journal/`. */
function journalBytes(data: string): number {
  const journal = join(data, 'journal')
  return readdirSync(journal, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(journal, name)))
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + entry.blocks * 512, 0)
}

async function createFiles(server: RunningPeer, files: number, directories: number) {
  const place = await openWorkplace(server, server.exportPath)
  const dirs = await makeDirectories(place.nfs, place.dir, directories)
  await place.rpc.close()
  const histogram = new LatencyHistogram()
  const failures = new FailureTally()
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, i) => LoadConnection.open(server.nfs, IN_FLIGHT, i)),
  )
  const progress = setInterval(() => {
    console.error(`${histogram.count} created, RSS ${memoryOf(server.pid).rssMiB} MiB`)
  }, PROGRESS_EVERY_MS)
  const start = performance.now()
  await Promise.all(
    connections.map((connection, i) => {
      const count = Math.ceil((files - i) / CONNECTIONS)
      const source = new CreateCalls(dirs, `file-${i}-`, USER, count)
      return connection.run({ source, histogram, failures, deadline: Number.POSITIVE_INFINITY })
    }),
  )
  const seconds = (performance.now() - start) / 1000
  clearInterval(progress)
  for (const connection of connections) connection.close()
  failures.throwIfAny('create')
  return { created: histogram.count, seconds, p99Ms: histogram.quantile(0.99) }
}

async function kill(server: RunningPeer): Promise<void> {
  process.kill(server.pid, 'SIGKILL')
  await server.stop()
}

interface Made {
  readonly created: number
  readonly seconds: number
  readonly p99Ms: number
  readonly journalBytesPerCreate: number
  readonly memory: Memory
  readonly emptyStartSeconds: number
}

/** Killed right behind the load: what the projections had not yet taken over is in the journal. */
async function make(data: string, files: number, directories: number): Promise<Made> {
  const { server, seconds } = await restart(data)
  const before = journalBytes(data)
  const made = await createFiles(server, files, directories)
  const memory = memoryOf(server.pid)
  const journalled = journalBytes(data) - before
  await kill(server)
  const journalBytesPerCreate = journalled / made.created
  return { ...made, journalBytesPerCreate, memory, emptyStartSeconds: seconds }
}

/** What was made earlier, or is made now and kept. */
async function made(keep: string, files: number, directories: number): Promise<Made> {
  const note = `${keep}.json`
  if (!existsSync(note)) {
    mkdirSync(keep, { recursive: true })
    writeFileSync(note, JSON.stringify(await make(keep, files, directories)))
  }
  return JSON.parse(readFileSync(note, 'utf8'))
}

async function measure(experiments: ScaleExperiments, phases: readonly Phase[], of: Shape) {
  const on = (phase: Phase) => phases.includes(phase)
  return {
    killedStartSeconds: on('killed') ? await experiments.afterKill() : undefined,
    cleanStartSeconds: on('clean') ? await experiments.afterCleanStop() : undefined,
    listed: on('list') ? await experiments.list(of.directories, of.files) : undefined,
    rebuilt: on('rebuild') ? await experiments.rebuild() : undefined,
  }
}

interface Shape {
  readonly files: number
  readonly directories: number
}

const OPTIONS = {
  files: { type: 'string', default: '1000000' },
  directories: { type: 'string', default: '1000' },
  rounds: { type: 'string', default: '3' },
  json: { type: 'string', default: join(import.meta.dirname, 'results/scale.json') },
  dir: { type: 'string', default: join(ROOT, 'data') },
  keep: { type: 'string' },
  only: { type: 'string', default: PHASES.join() },
  help: { type: 'boolean', default: false },
} as const

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) {
    console.log(HELP)
    return
  }
  const phases = values.only.split(',') as Phase[]
  for (const phase of phases) {
    if (!PHASES.includes(phase)) throw new RangeError(`no phase ${phase}; there are ${PHASES}`)
  }
  mkdirSync(values.dir, { recursive: true })
  const work = mkdtempSync(join(values.dir, 'scale-'))
  try {
    const facts = machineFacts(values.dir)
    const shape = { files: Number(values.files), directories: Number(values.directories) }
    const keep = values.keep ?? join(work, 'killed')
    const create = await made(keep, shape.files, shape.directories)
    const experiments = new ScaleExperiments(keep, join(work, 'data'), Number(values.rounds))
    const result = { create, ...(await measure(experiments, phases, shape)) }
    writeFileSync(values.json, `${JSON.stringify({ facts, ...result }, null, 2)}\n`)
    print(result)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

type Result = { readonly create: Made } & Awaited<ReturnType<typeof measure>>

function print({ create, killedStartSeconds, cleanStartSeconds, listed, rebuilt }: Result): void {
  const memory = (m: Memory) => `${m.rssMiB} MiB, ${m.anonMiB} anonymous, peak ${m.peakRssMiB}`
  const seconds = (s: number | undefined) =>
    s === undefined ? 'not measured' : `${s.toFixed(2)} s`
  const rows: [string, string][] = [
    ['files created', create.created.toLocaleString('en-US')],
    ['creates per second', significant(create.created / create.seconds)],
    ['p99 of a create', `${create.p99Ms.toFixed(1)} ms`],
    ['journal bytes per create', create.journalBytesPerCreate.toFixed(0)],
    ['RSS after that', memory(create.memory)],
    ['start on an empty directory', seconds(create.emptyStartSeconds)],
  ]
  if (killedStartSeconds) {
    rows.push(['start after kill -9', seconds(killedStartSeconds.warm)])
    rows.push(['  with a cold page cache', seconds(killedStartSeconds.cold)])
  }
  if (cleanStartSeconds) {
    rows.push(['start after a clean stop', seconds(cleanStartSeconds.warm)])
    rows.push(['  with a cold page cache', seconds(cleanStartSeconds.cold)])
  }
  if (listed) {
    rows.push(['entries listed per second', significant(listed.entriesPerSecond)])
    rows.push(['RSS after that', memory(listed.memory)])
  }
  if (rebuilt) rows.push(['records rebuilt per second', significant(rebuilt.recordsPerSecond)])
  for (const [what, figure] of rows) console.log(`${what.padEnd(30)}${figure.padStart(44)}`)
}

await main()
