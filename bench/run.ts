/** `npm run bench`: NFSv3 against NFS-Ganesha, side by side. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type BenchCase, CASES, caseNamed, type WorkingSet } from './cases.ts'
import type { Measurement } from './load/generator.ts'
import { runGenerator } from './load/run-generator.ts'
import { dittofs } from './peers/dittofs.ts'
import { ganesha } from './peers/ganesha.ts'
import { nullPeer } from './peers/null-peer.ts'
import type { Durability, Peer } from './peers/peer.ts'
import { chart } from './report/chart.ts'
import { significant } from './report/figures.ts'
import { machineFacts } from './report/machine-facts.ts'
import { caseReport, type Report } from './report/summary.ts'
import { table } from './report/table.ts'

const HELP = `Usage: npm run bench -- [options]

Measures NFSv3 on loopback, DittoFS and NFS-Ganesha in turn, and prints the medians.

  --quick          one short run of each case, for a first impression
  --case NAME      only this case; may be given several times
  --runs N         runs of each case against each server (3)
  --seconds N      length of each measured window (3)
  --warm-up N      seconds of the same load before each window (3)
  --server WHICH   both (default), dfs, ganesha, or null: canned replies, which show
                   the load generator's own ceiling
  --ganesha-threads N
                   caps Ganesha's worker threads; its default is 200, and 8 suit two cores
  --json FILE      where the results go (bench/results/latest.json)
  --dir DIR        where both servers keep their data (data)
  --help           this text

Cases: ${CASES.map((one) => one.name).join(', ')}
`

const ROOT = join(import.meta.dirname, '..')
const RESULTS = join(import.meta.dirname, 'results')
/** Sets whose data is large, and few files: it is removed at once. */
const BULKY: readonly WorkingSet[] = ['file', 'stream']

interface Settings {
  readonly cases: readonly BenchCase[]
  readonly peers: readonly Peer[]
  readonly runs: number
  readonly warmUpSeconds: number
  readonly seconds: number
  readonly json: string
  /** Where the directory for this bench's data is made. */
  readonly parent: string
}

function settingsOf(args: string[]): Settings | undefined {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      case: { type: 'string', multiple: true, default: [] },
      runs: { type: 'string' },
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      server: { type: 'string', default: 'both' },
      'ganesha-threads': { type: 'string' },
      json: { type: 'string' },
      dir: { type: 'string', default: join(ROOT, 'data') },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const cases = values.case.length === 0 ? CASES : values.case.map(caseNamed)
  return {
    cases,
    peers: peersOf(values.server, values['ganesha-threads']),
    runs: positive(values.runs ?? (values.quick ? '1' : '3')),
    warmUpSeconds: positive(values['warm-up'] ?? (values.quick ? '0.5' : '3')),
    seconds: positive(values.seconds ?? (values.quick ? '1' : '3')),
    json: values.json ?? join(RESULTS, 'latest.json'),
    parent: values.dir,
  }
}

function peersOf(which: string, threads: string | undefined): readonly Peer[] {
  const theirs = ganesha(threads === undefined ? undefined : positive(threads))
  if (which === 'both') return [theirs, dittofs]
  const peer = [theirs, dittofs, nullPeer].find(({ name }) => name === which)
  if (peer === undefined) throw new RangeError(`--server ${which}: no such server`)
  return [peer]
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new RangeError(`${text} is not a positive number`)
  return value
}

interface Group {
  readonly set: WorkingSet
  readonly durability: Durability
  readonly cases: readonly BenchCase[]
}

/** Cases that share a server's life: the same files, the same durability. */
function groupsOf(cases: readonly BenchCase[]): Group[] {
  const groups = Map.groupBy(cases, ({ set, durability }) => `${set} ${durability}`)
  return [...groups.values()].map((list) => {
    const { set, durability } = list[0]!
    return { set, durability, cases: list }
  })
}

type Samples = Map<string, Map<string, Measurement[]>>

async function runGroup(
  group: Group,
  peer: Peer,
  settings: Settings,
  parent: string,
  samples: Samples,
): Promise<void> {
  const dir = mkdtempSync(join(parent, `${peer.name}-${group.set}-`))
  // What earlier runs left to be written should not be charged to this one.
  execFileSync('sync')
  const server = await peer.start({ dir, durability: group.durability })
  try {
    const job = {
      nfs: server.nfs,
      mount: server.mount,
      exportPath: server.exportPath,
      serverPid: server.pid,
      set: group.set,
      cases: group.cases.map(({ name }) => name),
      warmUpSeconds: settings.warmUpSeconds,
      seconds: settings.seconds,
    }
    await runGenerator(job, (measurement) => {
      samples.get(measurement.case)?.get(peer.name)?.push(measurement)
      const rate = `${significant(measurement.perSecond)}/s`
      console.error(`${peer.title.padEnd(14)} ${measurement.case.padEnd(18)} ${rate}`)
    })
  } finally {
    await server.stop()
  }
  if (BULKY.includes(group.set)) rmSync(dir, { recursive: true })
}

async function measureAll(settings: Settings, dir: string): Promise<Samples> {
  const samples: Samples = new Map(
    settings.cases.map(({ name }) => [name, new Map(settings.peers.map((p) => [p.name, []]))]),
  )
  for (const group of groupsOf(settings.cases)) {
    for (let run = 0; run < settings.runs; run++) {
      // In turn, and not always the same one first.
      const order = run % 2 === 0 ? settings.peers : settings.peers.toReversed()
      for (const peer of order) await runGroup(group, peer, settings, dir, samples)
    }
  }
  return samples
}

/**
 * A directory for this bench's data. Where many files were deleted in the last minutes, ext4 takes
 * up to five times as long to find an inode for a new one (recently_deleted), which would be held
 * against the server that keeps each file as a file. So the runs' directories are spread over the
 * disk (chattr +T), removed only at the end, and what ext4 remembers of them is dropped.
 */
function makeDataDirectory(parent: string): string {
  mkdirSync(parent, { recursive: true })
  const dir = mkdtempSync(join(parent, 'run-'))
  try {
    execFileSync('chattr', ['+T', dir], { stdio: 'ignore' })
  } catch {
    // Not ext4: nothing to spread.
  }
  return dir
}

function removeDataDirectory(dir: string): void {
  rmSync(dir, { recursive: true, force: true })
  execFileSync('sync')
  try {
    // Inodes whose table is no longer cached do not count as recently deleted.
    writeFileSync('/proc/sys/vm/drop_caches', '3')
  } catch {
    // Not root: then the next bench should wait for five minutes.
  }
}

async function main(): Promise<void> {
  const settings = settingsOf(process.argv.slice(2))
  if (settings === undefined) {
    console.log(HELP)
    return
  }
  const startedAt = new Date().toISOString()
  const dir = makeDataDirectory(settings.parent)
  try {
    const facts = machineFacts(dir)
    const servers = Object.fromEntries(
      settings.peers.map((peer) => [peer.name, { title: peer.title, version: peer.version() }]),
    )
    const samples = await measureAll(settings, dir)
    const cases = settings.cases.map((one) => caseReport(one, samples.get(one.name)!))
    const { runs, warmUpSeconds, seconds } = settings
    const report: Report = {
      startedAt,
      facts,
      settings: { runs, warmUpSeconds, seconds },
      servers,
      cases,
    }
    publish(report, settings.json)
  } finally {
    removeDataDirectory(dir)
  }
}

function publish(report: Report, json: string): void {
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
  console.log(table(report))
  const svg = chart(report)
  if (svg === undefined) return
  writeFileSync(json.replace(/(\.json)?$/, '.svg'), svg)
}

try {
  await main()
} catch (error) {
  // What was asked for wrongly needs no stack.
  console.error(error instanceof RangeError ? error.message : error)
  process.exitCode = 1
}
