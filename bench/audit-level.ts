/**
 * `node bench/audit-level.ts`: what the audit level `all` costs. LOOKUP and READ at 4 × 16, a
 * window with it and a window without in turn, on one server; the ratio is that of the medians.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { RunningServer, sharePath } from '../test/control/running-server.ts'
import { caseNamed } from './cases.ts'
import { runGenerator } from './load/run-generator.ts'

const ROOT = join(import.meta.dirname, '..')
const CASES = ['lookup', 'read-4k'] as const

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    dir: { type: 'string', default: join(ROOT, 'data') },
  },
})

/** Operations per second. */
async function window(server: RunningServer, name: string, audit: string): Promise<number> {
  await server.ask('PATCH', sharePath('/export'), { options: { audit, atime: 'none' } })
  const nfs = { host: '127.0.0.1', port: server.nfsPort }
  let perSecond = 0
  const job = {
    ...{ nfs, mount: nfs, exportPath: '/export', serverPid: server.pid },
    ...{ set: caseNamed(name).set, cases: [name], warmUpSeconds: 1 },
    seconds: Number(values.seconds),
  }
  await runGenerator(job, (measured) => {
    perSecond = measured.perSecond
  })
  return perSecond
}

const median = (numbers: number[]): number =>
  numbers.sort((a, b) => a - b)[numbers.length >> 1] as number

mkdirSync(values.dir, { recursive: true })
const data = mkdtempSync(join(values.dir, 'audit-level-'))
try {
  const rows: Record<string, unknown>[] = []
  for (const name of CASES) {
    const found: Record<string, number[]> = { writes: [], all: [] }
    for (let i = 0; i < Number(values.rounds); i++) {
      for (const audit of i % 2 === 0 ? ['writes', 'all'] : ['all', 'writes']) {
        // A new server each time: both find the same empty share.
        const server = await RunningServer.start(
          join(data, `${name}-${i}-${audit}`),
          '--share-squash',
          'none',
        )
        try {
          found[audit]?.push(await window(server, name, audit))
        } finally {
          await server.stop()
        }
      }
    }
    const [writes, all] = [median(found['writes'] ?? []), median(found['all'] ?? [])]
    const cost = `${((1 - all / writes) * 100).toFixed(1)} %`
    rows.push({ name, writes: Math.round(writes), all: Math.round(all), cost })
  }
  console.table(rows)
} finally {
  rmSync(data, { recursive: true, force: true })
}
