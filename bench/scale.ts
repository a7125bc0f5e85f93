/**
 * `node bench/scale.ts`: what our server makes of a million files. Creates them over the wire, then
 * measures the journal, memory, starting after a clean stop and after a kill, and a rebuild.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { CreateCalls } from './load/call-sources.ts'
import { LatencyHistogram } from './load/latency-histogram.ts'
import { LoadConnection } from './load/load-connection.ts'
import { memoryOf } from './load/process-usage.ts'
import { FailureTally } from './load/reply-verdict.ts'
import { makeDirectories, openWorkplace, USER } from './load/working-set.ts'
import { DFS, startDfs } from './peers/dittofs.ts'
import type { RunningPeer } from './peers/peer.ts'
import { significant } from './report/figures.ts'
import { machineFacts } from './report/machine-facts.ts'

const HELP = `Usage: node bench/scale.ts [--files N] [--directories N] [--json FILE] [--dir DIR]

Creates N files (1,000,000) over N directories (1,000) and reports creates per second, journal
bytes per create, memory, time to start after a clean stop and after kill -9, and rebuild rate.
`
const ROOT = join(import.meta.dirname, '..')
const CONNECTIONS = 4
const IN_FLIGHT = 16
const PROGRESS_EVERY_MS = 5000
const run = promisify(execFile)

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

/** Starts the server on data it has, and says how long it took until it was ready. */
async function restart(data: string): Promise<{ server: RunningPeer; seconds: number }> {
  const start = performance.now()
  const server = await startDfs(data, 'durable')
  return { server, seconds: (performance.now() - start) / 1000 }
}

async function kill(server: RunningPeer): Promise<void> {
  process.kill(server.pid, 'SIGKILL')
  await server.stop()
}

async function rebuild(data: string): Promise<{ records: number; seconds: number }> {
  const { stdout } = await run(process.execPath, [DFS, 'rebuild', '--data', data])
  return JSON.parse(stdout)
}

async function measure(data: string, files: number, directories: number) {
  const first = await restart(data)
  const before = journalBytes(data)
  const creates = await createFiles(first.server, files, directories)
  const memory = memoryOf(first.server.pid)
  const journalled = journalBytes(data) - before
  // Killed right behind the load: what the projections had not yet taken over is replayed.
  await kill(first.server)
  const killed = await restart(data)
  await killed.server.stop()
  const clean = await restart(data)
  await clean.server.stop()
  const rebuilt = await rebuild(data)
  return {
    ...creates,
    createsPerSecond: creates.created / creates.seconds,
    journalBytesPerCreate: journalled / creates.created,
    memory,
    emptyStartSeconds: first.seconds,
    killedStartSeconds: killed.seconds,
    cleanStartSeconds: clean.seconds,
    rebuilt,
    rebuiltRecordsPerSecond: rebuilt.records / rebuilt.seconds,
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      files: { type: 'string', default: '1000000' },
      directories: { type: 'string', default: '1000' },
      json: { type: 'string', default: join(import.meta.dirname, 'results/scale.json') },
      dir: { type: 'string', default: join(ROOT, 'data') },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return
  }
  mkdirSync(values.dir, { recursive: true })
  const data = mkdtempSync(join(values.dir, 'scale-'))
  try {
    const facts = machineFacts(values.dir)
    const result = await measure(data, Number(values.files), Number(values.directories))
    writeFileSync(values.json, `${JSON.stringify({ facts, result }, null, 2)}\n`)
    print(result)
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

function print(result: Awaited<ReturnType<typeof measure>>): void {
  const rows: [string, string][] = [
    ['files created', result.created.toLocaleString('en-US')],
    ['creates per second', significant(result.createsPerSecond)],
    ['p99 of a create', `${result.p99Ms.toFixed(1)} ms`],
    ['journal bytes per create', result.journalBytesPerCreate.toFixed(0)],
    ['RSS, peak', `${result.memory.rssMiB} MiB, ${result.memory.peakRssMiB} MiB`],
    ['start on an empty directory', `${result.emptyStartSeconds.toFixed(2)} s`],
    ['start after kill -9', `${result.killedStartSeconds.toFixed(2)} s`],
    ['start after a clean stop', `${result.cleanStartSeconds.toFixed(2)} s`],
    ['rebuild, records per second', significant(result.rebuiltRecordsPerSecond)],
  ]
  for (const [what, figure] of rows) console.log(`${what.padEnd(30)}${figure.padStart(16)}`)
}

await main()
