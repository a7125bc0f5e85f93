/**
 * `node bench/past.ts`: what looking at the past costs, beside looking at the present, as the
 * journal grows. LOOKUP and READ of the same files, live and as of a moment before all the changes
 * that the journal holds; every file has been changed again and again since.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { stable_how } from '../src/protocols/nfs3/procedures/write.ts'
import { Mount3Client } from '../test/client/mount3-client.ts'
import { type Nfs3Client, nfs3, nfs3Client, ok, sattr } from '../test/client/nfs3-client.ts'
import { RpcClient } from '../test/client/rpc-client.ts'
import { callRecord } from './load/call-record.ts'
import { PickedCalls } from './load/call-sources.ts'
import { LatencyHistogram } from './load/latency-histogram.ts'
import { LoadConnection } from './load/load-connection.ts'
import { Random } from './load/random.ts'
import { FailureTally } from './load/reply-verdict.ts'
import { inFlight, makeFiles, type NamedFile, openWorkplace, USER } from './load/working-set.ts'
import { startDfs } from './peers/dittofs.ts'
import type { RunningPeer } from './peers/peer.ts'
import { significant } from './report/figures.ts'
import { machineFacts } from './report/machine-facts.ts'

const HELP = `Usage: node bench/past.ts [--records N,N…] [--files N] [--seconds S] [--rounds N]
                           [--change mode|content] [--memory BYTES] [--json FILE] [--dir DIR]
                           [--keep DIR]

Makes N files (2000) of 4 KiB, then changes them until the journal has the given numbers of records
(10000,1000000), and measures LOOKUP and READ live and as of the moment before the changes, in turn,
for S seconds (2) each and N rounds (3). Prints medians. Changes are of modes, or of content.
--memory sets projection-memory: with more files than fit, both look into the store.
--keep keeps the data in DIR; when it is there already, nothing is changed, only measured.
`
const ROOT = join(import.meta.dirname, '..')
const CONNECTIONS = 4
const IN_FLIGHT = 16
const BYTES = 4096
const MODES = [0o600, 0o640, 0o644, 0o660] as const

type Target = Pick<NamedFile, 'dir' | 'name' | 'handle'>

async function connections(server: RunningPeer): Promise<LoadConnection[]> {
  const all = Array.from({ length: CONNECTIONS }, (_, i) =>
    LoadConnection.open(server.nfs, IN_FLIGHT, i),
  )
  return Promise.all(all)
}

interface Rate {
  readonly perSecond: number
  readonly count: number
  readonly p99Ms: number
}

/** Calls per second, each one picked at random. */
async function rate(
  server: RunningPeer,
  records: readonly Buffer[],
  seconds: number,
): Promise<Rate> {
  const histogram = new LatencyHistogram()
  const failures = new FailureTally()
  const open = await connections(server)
  const start = performance.now()
  const deadline = start + seconds * 1000
  await Promise.all(
    open.map((connection, i) =>
      connection.run({
        source: new PickedCalls(records, new Random(i + 1)),
        histogram,
        failures,
        deadline,
      }),
    ),
  )
  const took = (performance.now() - start) / 1000
  for (const connection of open) connection.close()
  failures.throwIfAny('calls')
  const { count } = histogram
  return { perSecond: count / took, count, p99Ms: histogram.quantile(0.99) }
}

const changeKinds = ['mode', 'content'] as const
type ChangeKind = (typeof changeKinds)[number]

/** Calls that each leave one record. */
function changesOf(kind: ChangeKind, files: readonly Target[]): Buffer[] {
  if (kind === 'content') {
    const stable = stable_how.FILE_SYNC
    return files.map(({ handle: file }, i) => {
      const data = Buffer.alloc(BYTES, `other content of ${i} `)
      return callRecord(nfs3.write, { file, offset: 0, count: BYTES, stable, data }, USER)
    })
  }
  return MODES.flatMap((mode) =>
    files.map(({ handle }) => {
      const args = { object: handle, new_attributes: sattr({ mode }), guard: undefined }
      return callRecord(nfs3.setattr, args, USER)
    }),
  )
}

/**
 * Changes files until there are `wanted` records more, or some more than that. Returns how many.
 */
async function change(
  server: RunningPeer,
  records: readonly Buffer[],
  wanted: number,
): Promise<number> {
  let done = 0
  let perSecond = 20_000
  while (done < wanted) {
    const seconds = Math.min(5, Math.max(0.02, (wanted - done) / perSecond))
    const { count, perSecond: now } = await rate(server, records, done === 0 ? 0.1 : seconds)
    done += count
    perSecond = now
    console.error(`${done} of ${wanted} changes`)
  }
  return done
}

/** The same files as of a moment that `.history` names. */
async function asOf(
  nfs: Nfs3Client,
  root: Buffer,
  moment: string,
  files: readonly Pick<Target, 'name'>[],
): Promise<Target[]> {
  const find = async (dir: Buffer, name: string) =>
    Buffer.from(ok(await nfs.lookup({ what: { dir, name } })).object)
  const then = await find(await find(root, '.history'), moment)
  const dir = await find(then, 'bench')
  return inFlight(files.length, async (i) => {
    const { name } = files[i] as Pick<Target, 'name'>
    return { dir, name, handle: await find(dir, name) }
  })
}

const lookups = (files: readonly Target[]) =>
  files.map(({ dir, name }) => callRecord(nfs3.lookup, { what: { dir, name } }, USER))

const reads = (files: readonly Target[]) =>
  files.map(({ handle }) => callRecord(nfs3.read, { file: handle, offset: 0, count: BYTES }, USER))

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number

interface Figure {
  readonly operation: string
  readonly records: number
  readonly live: number
  readonly past: number
  /** How many times as long the past takes. */
  readonly ratio: number
  readonly p99LiveMs: number
  readonly p99PastMs: number
}

async function measure(
  server: RunningPeer,
  sources: { readonly operation: string; readonly live: Buffer[]; readonly past: Buffer[] },
  records: number,
  { seconds, rounds }: { readonly seconds: number; readonly rounds: number },
): Promise<Figure> {
  const [live, past]: [Rate[], Rate[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    live.push(await rate(server, sources.live, seconds))
    past.push(await rate(server, sources.past, seconds))
  }
  const [now, then] = [live, past].map((some) => median(some.map(({ perSecond }) => perSecond)))
  return {
    operation: sources.operation,
    records,
    live: now as number,
    past: then as number,
    ratio: (now as number) / (then as number),
    p99LiveMs: median(live.map(({ p99Ms }) => p99Ms)),
    p99PastMs: median(past.map(({ p99Ms }) => p99Ms)),
  }
}

async function run(data: string, options: Options): Promise<Figure[]> {
  const settings = options.memory === undefined ? {} : { PROJECTION_MEMORY: options.memory }
  const server = await startDfs(data, 'async', settings)
  try {
    const kept = options.keep === undefined ? undefined : readNote(options.keep)
    if (kept !== undefined) return await measureKept(server, kept, options)
    const place = await openWorkplace(server, server.exportPath)
    const { nfs, dir, root } = place
    const files = await makeFiles(nfs, dir, options.files)
    const stable = stable_how.UNSTABLE
    await inFlight(files.length, async (i) => {
      const { handle: file } = files[i] as NamedFile
      const bytes = Buffer.alloc(BYTES, `content of ${i} `)
      ok(await nfs.write({ file, offset: 0, count: BYTES, stable, data: bytes }))
      ok(await nfs.commit({ file, offset: 0, count: 0 }))
    })
    await delay(1100)
    const moment = `${new Date().toISOString().slice(0, 19)}Z`
    await delay(1100)
    const figures: Figure[] = []
    const changes = changesOf(options.change, files)
    let records = 3 * files.length
    for (const wanted of options.records) {
      records += await change(server, changes, wanted - records)
      // What was changed last is on its way into the projections for another moment.
      await delay(2000)
      const then = await asOf(nfs, root, moment, files)
      figures.push(...(await measureBoth(server, files, then, records, options)))
    }
    if (options.keep !== undefined) {
      const note: Note = { moment, records, names: files.map(({ name }) => name) }
      writeFileSync(noteOf(options.keep), JSON.stringify(note))
    }
    await place.rpc.close()
    return figures
  } finally {
    await server.stop()
  }
}

async function measureBoth(
  server: RunningPeer,
  files: readonly Target[],
  then: readonly Target[],
  records: number,
  options: Options,
): Promise<Figure[]> {
  const figures: Figure[] = []
  const look = { operation: 'LOOKUP', live: lookups(files), past: lookups(then) }
  const read = { operation: 'READ', live: reads(files), past: reads(then) }
  for (const sources of [look, read]) {
    figures.push(await measure(server, sources, records, options))
    print([figures.at(-1) as Figure])
  }
  return figures
}

/** What has to be known of data that was kept. */
interface Note {
  readonly moment: string
  readonly records: number
  readonly names: readonly string[]
}

const noteOf = (keep: string): string => `${keep}.json`

const readNote = (keep: string): Note | undefined =>
  existsSync(noteOf(keep)) ? JSON.parse(readFileSync(noteOf(keep), 'utf8')) : undefined

async function measureKept(
  server: RunningPeer,
  { moment, records, names }: Note,
  options: Options,
): Promise<Figure[]> {
  const rpc = await RpcClient.connect({ ...server.nfs, credentials: USER })
  const root = await new Mount3Client(rpc).root(server.exportPath)
  const nfs = nfs3Client(rpc)
  const find = async (dir: Buffer, name: string) =>
    Buffer.from(ok(await nfs.lookup({ what: { dir, name } })).object)
  const dir = await find(root, 'bench')
  const files = await inFlight(names.length, async (i) => {
    const name = names[i] as string
    return { dir, name, handle: await find(dir, name) }
  })
  const then = await asOf(nfs, root, moment, files)
  await rpc.close()
  return measureBoth(server, files, then, records, options)
}

interface Options {
  readonly records: readonly number[]
  readonly files: number
  readonly seconds: number
  readonly rounds: number
  readonly change: ChangeKind
  /** The setting projection-memory. */
  readonly memory: string | undefined
  readonly keep: string | undefined
}

function print(figures: readonly Figure[]): void {
  for (const { operation, records, live, past, ratio, p99LiveMs, p99PastMs } of figures) {
    const columns = [
      operation.padEnd(8),
      records.toLocaleString('en-US').padStart(12),
      `${significant(live)}/s live`.padStart(14),
      `${significant(past)}/s past`.padStart(14),
      `${ratio.toFixed(2)} x`.padStart(8),
      `p99 ${p99LiveMs.toFixed(1)} and ${p99PastMs.toFixed(1)} ms`,
    ]
    console.log(columns.join('  '))
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      records: { type: 'string', default: '10000,1000000' },
      files: { type: 'string', default: '2000' },
      seconds: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '3' },
      change: { type: 'string', default: 'mode' },
      memory: { type: 'string' },
      keep: { type: 'string' },
      json: { type: 'string' },
      dir: { type: 'string', default: join(ROOT, 'data') },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return
  }
  const changeKind = changeKinds.find((kind) => kind === values.change)
  if (changeKind === undefined) throw new Error(`--change is one of ${changeKinds.join(', ')}`)
  mkdirSync(values.dir, { recursive: true })
  const data = values.keep ?? mkdtempSync(join(values.dir, 'past-'))
  try {
    const options = {
      records: values.records.split(',').map(Number),
      files: Number(values.files),
      seconds: Number(values.seconds),
      rounds: Number(values.rounds),
      change: changeKind,
      memory: values.memory,
      keep: values.keep,
    }
    const figures = await run(data, options)
    const report = { facts: machineFacts(values.dir), options, figures }
    const text = `${JSON.stringify(report, null, 2)}\n`
    if (values.json !== undefined) writeFileSync(values.json, text)
  } finally {
    if (values.keep === undefined) rmSync(data, { recursive: true, force: true })
  }
}

await main()
