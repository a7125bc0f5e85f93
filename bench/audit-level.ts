/**
 * `node bench/audit-level.ts [--json FILE]`: what the audit level `all` costs. LOOKUP and READ at
 * 4 × 16, a window with it and a window without in turn, in one server and one run of the load
 * generator; the cost is the median of those of neighbours. Pairs
 * beside which something else ran are left out.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { RunningServer, sharePath } from '../test/control/running-server.ts'
import { caseNamed } from './cases.ts'
import type { Measurement } from './load/generator.ts'
import { runGenerator } from './load/run-generator.ts'

const ROOT = join(import.meta.dirname, '..')

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: 'lookup,read-4k' },
    /** Pairs of windows. */
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    dir: { type: 'string', default: join(ROOT, 'data') },
    json: { type: 'string' },
  },
})

type Level = 'writes' | 'all'
type Window = Measurement & { readonly level: Level }

/** Each level first in every second pair. */
const levels: readonly Level[] = Array.from({ length: Number(values.rounds) }, (_, i) =>
  i % 2 === 0 ? (['writes', 'all'] as const) : (['all', 'writes'] as const),
).flat()

async function windowsOf(server: RunningServer, name: string): Promise<Window[]> {
  const set = (audit: Level) =>
    server.ask('PATCH', sharePath('/export'), { options: { audit, atime: 'none' } })
  const nfs = { host: '127.0.0.1', port: server.nfsPort }
  const job = {
    ...{ nfs, mount: nfs, exportPath: '/export', serverPid: server.pid },
    ...{ set: caseNamed(name).set, cases: levels.map(() => name), warmUpSeconds: 1 },
    seconds: Number(values.seconds),
  }
  const windows: Window[] = []
  const changes = [set(levels[0] as Level)]
  await runGenerator(job, (measured) => {
    windows.push({ ...measured, level: levels[windows.length] as Level })
    const next = levels[windows.length]
    // The warm-up of the next window has begun, and goes on long enough for this.
    if (next !== undefined) changes.push(set(next))
  })
  for (const { status } of await Promise.all(changes)) {
    if (status !== 200) throw new Error(`the level was not changed: ${status}`)
  }
  return windows
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number

/** Something else ran beside it. Of a second; the kernel's own threads take some. */
const OTHER_CPU_MAX = 0.1

const isSpoiled = ({ otherCpuSeconds, seconds }: Window): boolean =>
  otherCpuSeconds > OTHER_CPU_MAX * seconds

/** Per operation, in microseconds. */
const cpuOf = ({ serverCpuSeconds, operations }: Window): number =>
  (serverCpuSeconds / operations) * 1e6

function summaryOf(name: string, windows: readonly Window[]) {
  const costs: number[] = []
  for (let i = 0; i < windows.length; i += 2) {
    const [a, b] = [windows[i] as Window, windows[i + 1] as Window]
    const [writes, all] = a.level === 'writes' ? [a, b] : [b, a]
    if (isSpoiled(a) || isSpoiled(b)) continue
    costs.push(100 * (1 - all.perSecond / writes.perSecond))
  }
  const of = (level: Level, value: (window: Window) => number): number =>
    median(windows.filter((window) => window.level === level).map(value))
  const others = windows.map((one) => one.otherCpuSeconds / one.seconds)
  const round = (value: number): number => Math.round(value * 100) / 100
  return {
    name,
    writes: Math.round(of('writes', ({ perSecond }) => perSecond)),
    all: Math.round(of('all', ({ perSecond }) => perSecond)),
    costPercent: round(median(costs)),
    costs: costs.map(round),
    others: others.map(round),
    cpuWrites: round(of('writes', cpuOf)),
    cpuAll: round(of('all', cpuOf)),
  }
}

type Row = ReturnType<typeof summaryOf> & { readonly dropped: number; readonly date: Date }

/** What the server says it could not record. */
async function droppedBy(server: RunningServer): Promise<number> {
  const metrics = await (await fetch(`http://${server.api}/metrics`)).text()
  return Number(/^dittofs_accesses_dropped (\d+)/m.exec(metrics)?.[1])
}

/** Cases that were not measured this time stay as they were. */
function keep(path: string, rows: readonly { readonly name: string }[]): void {
  const before: { name: string }[] = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : []
  const others = before.filter((old) => !rows.some(({ name }) => name === old.name))
  writeFileSync(path, `${JSON.stringify([...others, ...rows], undefined, 2)}\n`)
}

mkdirSync(values.dir, { recursive: true })
const data = mkdtempSync(join(values.dir, 'audit-level-'))
try {
  const rows: Row[] = []
  for (const name of values.cases.split(',')) {
    const server = await RunningServer.start(join(data, name), '--share-squash', 'none')
    try {
      const summary = summaryOf(name, await windowsOf(server, name))
      rows.push({ ...summary, dropped: await droppedBy(server), date: new Date() })
    } finally {
      await server.stop()
    }
  }
  console.table(rows.map(({ costs, others, date, ...row }) => row))
  if (values.json !== undefined) keep(values.json, rows)
} finally {
  rmSync(data, { recursive: true, force: true })
}
