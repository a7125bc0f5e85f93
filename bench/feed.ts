/**
 * `node bench/feed.ts`: what consumers of the change feed cost those who write. While CREATEs go
 * on, 4 connections of 16 calls each, consumers come and go: a window without them, one with them,
 * and one without again, so that what changes while it runs is in both. Then a new server, and
 * again.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { ConsumersJob, ConsumersReport } from './load/feed-consumers.ts'
import { runGenerator } from './load/run-generator.ts'
import { startDfs } from './peers/dittofs.ts'
import type { RunningPeer } from './peers/peer.ts'
import { significant } from './report/figures.ts'
import { machineFacts } from './report/machine-facts.ts'

const HELP = `Usage: node bench/feed.ts [options]

  --consumers N    how many (100)
  --rounds N       new servers, with three windows each (6)
  --seconds N      length of each window (1)
  --want WHAT      all: each wants every event. own: each wants a path of its own, where nothing
                   happens (all)
  --priority N     of the consumers' process, as nice has it: they stand for other machines, whose
                   time is not this one's (19)
  --json FILE      where the results go (bench/results/feed.json)
  --dir DIR        where data is kept (data)
`
const ROOT = join(import.meta.dirname, '..')
const WARM_UP_SECONDS = 2
/** Between windows: consumers come or go. */
const PAUSE_SECONDS = 0.2
const CATCH_UP_MS = 120_000

interface Settings {
  readonly consumers: number
  readonly rounds: number
  readonly seconds: number
  readonly want: string
  readonly priority: number
  readonly json: string
  readonly dir: string
}

interface Api {
  readonly host: string
  readonly port: number
  readonly token: string
}

/** The consumers' process. */
class Consumers {
  private readonly child: ChildProcess
  private readonly lines: AsyncIterator<string>

  constructor(priority: number) {
    const script = join(import.meta.dirname, 'load/feed-consumers.ts')
    this.child = spawn(process.execPath, [script, String(priority)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
  }

  private async ask(request: object): Promise<ConsumersReport> {
    this.child.stdin?.write(`${JSON.stringify(request)}\n`)
    return JSON.parse((await this.lines.next()).value as string)
  }

  /** Resolves when all are connected. */
  begin(job: ConsumersJob): Promise<ConsumersReport> {
    return this.ask(job)
  }

  report(): Promise<ConsumersReport> {
    return this.ask({})
  }

  /** They go away; what came until then. */
  leave(): Promise<ConsumersReport> {
    return this.ask({ leave: true })
  }

  async end(): Promise<void> {
    const exit = once(this.child, 'exit')
    this.child.stdin?.end()
    await exit
  }
}

async function durableRecord({ host, port, token }: Api): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`http://${host}:${port}/v1/status`, { headers })
  return ((await response.json()) as { positions: { durable: number } }).positions.durable
}

const seqOf = (cursor: string): number => Number(cursor.split('/')[1] ?? 0)

function queries({ consumers, want }: Settings): string[] {
  return Array.from({ length: consumers }, (_, i) =>
    want === 'all' ? 'share=%2Fexport' : `share=%2Fexport&path=%2Fsomewhere%2F${i}`,
  )
}

/** Creates a second. Each leaves one record. */
async function window(api: Api, seconds: number): Promise<number> {
  const [from, began] = [await durableRecord(api), performance.now()]
  await sleep(seconds * 1000)
  const [to, ended] = [await durableRecord(api), performance.now()]
  return ((to - from) * 1000) / (ended - began)
}

interface Round {
  /** Creates a second without consumers, before and after. */
  readonly alone: readonly [number, number]
  readonly along: number
  /** Records that the consumers had not been told of when their window ended. */
  readonly behind: number
  readonly megabytes: number
}

async function windows(api: Api, consumers: Consumers, settings: Settings): Promise<Round> {
  const { seconds, want } = settings
  await sleep(WARM_UP_SECONDS * 1000)
  const first = await window(api, seconds)
  const before = await consumers.begin({ ...api, queries: queries(settings) })
  await sleep(PAUSE_SECONDS * 1000)
  const along = await window(api, seconds)
  const head = await durableRecord(api)
  const { bytes, cursors } = await consumers.leave()
  await sleep(PAUSE_SECONDS * 1000)
  const last = await window(api, seconds)
  const behind = want === 'all' ? head - Math.min(...cursors.map(seqOf)) : 0
  return { alone: [first, last], along, behind, megabytes: (bytes - before.bytes) / 1e6 }
}

/** Records at the end of a journal that need not be changes: clients that were seen and such. */
const SLACK = 64
const QUIET_MS = 500

interface Backfill {
  readonly records: number
  readonly seconds: number
  readonly bytes: number
}

/** Consumers from the oldest event on: seconds until all have been told all there is. */
async function backfill(api: Api, consumers: Consumers, settings: Settings): Promise<Backfill> {
  const head = await durableRecord(api)
  const began = performance.now()
  const job = {
    ...api,
    queries: queries({ ...settings, want: 'all' }).map((q) => `${q}&after=oldest`),
  }
  await consumers.begin(job)
  for (let before = -1; ; ) {
    const { bytes, cursors } = await consumers.report()
    const behind = head - Math.min(...cursors.map(seqOf))
    if (behind < SLACK && bytes === before) {
      if (new Set(cursors).size !== 1) throw new Error('consumers are at different events')
      await consumers.leave()
      return { records: head, seconds: (performance.now() - began - QUIET_MS) / 1000, bytes }
    }
    if (performance.now() - began > CATCH_UP_MS) throw new Error(`still ${behind} behind`)
    before = bytes
    await sleep(QUIET_MS)
  }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

function settingsOf(args: string[]): Settings | undefined {
  const { values } = parseArgs({
    args,
    options: {
      consumers: { type: 'string', default: '100' },
      rounds: { type: 'string', default: '6' },
      seconds: { type: 'string', default: '1' },
      want: { type: 'string', default: 'all' },
      priority: { type: 'string', default: '19' },
      json: { type: 'string', default: join(import.meta.dirname, 'results/feed.json') },
      dir: { type: 'string', default: join(ROOT, 'data') },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    ...values,
    consumers: Number(values.consumers),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    priority: Number(values.priority),
  }
}

function creating(server: RunningPeer, { seconds }: Settings): Promise<void> {
  const job = {
    nfs: server.nfs,
    mount: server.mount,
    exportPath: server.exportPath,
    serverPid: server.pid,
    set: 'directories',
    cases: ['create'],
    warmUpSeconds: 0.1,
    // Longer than all windows: the last one must not see it end.
    seconds: WARM_UP_SECONDS + 3 * seconds + 2 * PAUSE_SECONDS + 2.5,
  } as const
  return runGenerator(job, () => undefined)
}

async function main(): Promise<void> {
  const settings = settingsOf(process.argv.slice(2))
  if (settings === undefined) {
    process.stdout.write(HELP)
    return
  }
  mkdirSync(settings.dir, { recursive: true })
  const consumers = new Consumers(settings.priority)
  const rounds: Round[] = []
  let backfilled: Backfill | undefined
  for (let i = 0; i < settings.rounds; i++) {
    const data = mkdtempSync(join(settings.dir, 'bench-feed-'))
    const server = await startDfs(data, 'durable')
    try {
      const token = readFileSync(join(data, 'token'), 'utf8').trim()
      const api = { ...server.api!, token }
      const working = creating(server, settings)
      rounds.push(await windows(api, consumers, settings))
      console.error(JSON.stringify(rounds.at(-1)))
      await working
      if (i === 0) backfilled = await backfill(api, consumers, { ...settings, consumers: 1 })
    } finally {
      await server.stop()
      rmSync(data, { recursive: true, force: true })
    }
  }
  await consumers.end()
  report(settings, rounds, backfilled!)
}

const meanAlone = ({ alone: [first, last] }: Round): number => (first + last) / 2

function report(settings: Settings, rounds: readonly Round[], backfilled: Backfill): void {
  const alone = median(rounds.map(meanAlone))
  const along = median(rounds.map((round) => round.along))
  const ratio = median(rounds.map((round) => round.along / meanAlone(round)))
  const machine = machineFacts(settings.dir)
  const { json, dir: _dir, ...asked } = settings
  const result = { machine, ...asked, alone, along, ratio, rounds, backfill: backfilled }
  writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`)
  console.log(
    `${significant(alone)} creates/s alone, ${significant(along)} with ${settings.consumers} ` +
      `consumers (${settings.want}): ${(100 * ratio).toFixed(1)} % in the median of rounds; one ` +
      `from the beginning: ${significant(backfilled.records / backfilled.seconds)} events/s`,
  )
}

await main()
