/**
 * `node bench/truncate.ts`: what becomes of everybody else while somebody cuts a file of very many
 * extents. Makes files of 4 KiB an extent, as
 * writing them at random leaves them, then truncates one to its first bytes, one
 * to its half, and removes one, while another connection asks for attributes all the time.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { GRANULE } from '../src/platform/limits.ts'
import { Mount3Client } from '../test/client/mount3-client.ts'
import { type Nfs3Client, nfs3Client, ok, sattr } from '../test/client/nfs3-client.ts'
import { authSys } from '../test/client/rpc-call.ts'
import { RpcClient } from '../test/client/rpc-client.ts'
import { openEngine } from '../test/commands/engine-fixture.ts'
import { scatteredFile } from '../test/commands/scattered-file.ts'
import { ServerProcess } from '../test/server-process.ts'
import { memoryOf } from './load/process-usage.ts'
import { significant } from './report/figures.ts'

const HELP = `Usage: node bench/truncate.ts [--extents N,N…] [--dir DIR]

For files of N extents each (10000,100000,1000000): how long SETATTR and REMOVE take, the longest
GETATTR of others meanwhile, until when the projections on disk have it, and memory at its peak.
`
const ROOT = join(import.meta.dirname, '..')
const CREDENTIALS = authSys({ uid: 0, gid: 0, machinename: 'bench' })

const cases = ['start', 'half', 'remove'] as const
type Case = (typeof cases)[number]

/** Asks for the root's attributes as often as it can; says how long the longest took, in ms. */
function ping(nfs: Nfs3Client, object: Buffer): () => Promise<number> {
  let [going, longest] = [true, 0]
  const asking = (async () => {
    while (going) {
      const start = performance.now()
      ok(await nfs.getattr({ object }, { timeoutMs: 120_000 }))
      longest = Math.max(longest, performance.now() - start)
      await delay(1)
    }
  })()
  return async () => {
    going = false
    await asking
    return longest
  }
}

async function settled(server: ServerProcess): Promise<void> {
  for (;;) {
    const metrics = await server.metrics()
    const left = (name: string) => metrics.get(`dittofs_${name}`) ?? 0
    const behind = left('dirty_rows') + left('follower_lag_records') + left('cut_files')
    if (behind === 0) return
    await delay(50)
  }
}

async function change(nfs: Nfs3Client, dir: Buffer, one: Case, count: number): Promise<void> {
  if (one === 'remove') {
    ok(await nfs.remove({ object: { dir, name: one } }, { timeoutMs: 120_000 }))
    return
  }
  const size = one === 'start' ? GRANULE : Math.floor(count / 2) * GRANULE
  const { object } = ok(await nfs.lookup({ what: { dir, name: one } }))
  const args = { object, new_attributes: sattr({ size }), guard: undefined }
  ok(await nfs.setattr(args, { timeoutMs: 120_000 }))
}

async function measure(data: string, one: Case, count: number): Promise<void> {
  const server = await ServerProcess.start({ data })
  const address = { host: '127.0.0.1', port: server.port, credentials: CREDENTIALS }
  const [rpc, other] = [await RpcClient.connect(address), await RpcClient.connect(address)]
  const root = await new Mount3Client(rpc).root('/export')
  await settled(server)
  await delay(500)
  const before = memoryOf(server.pid)
  const stop = ping(nfs3Client(other), root)
  await delay(200)
  const start = performance.now()
  await change(nfs3Client(rpc), root, one, count)
  const answered = performance.now() - start
  await delay(200)
  await settled(server)
  const stored = performance.now() - start
  const longest = await stop()
  const after = memoryOf(server.pid)
  const ms = (n: number) => `${significant(n)} ms`.padStart(10)
  console.log(
    `${String(count).padStart(8)} ${one.padEnd(7)} answered ${ms(answered)}  longest GETATTR ` +
      `${ms(longest)}  stored ${ms(stored)}  RSS ${before.rssMiB} → peak ${after.peakRssMiB} MiB` +
      ` (own memory ${before.anonMiB} → ${after.anonMiB})`,
  )
  await rpc.close()
  await other.close()
  await server.stop()
}

async function main(): Promise<void> {
  const options = {
    extents: { type: 'string', default: '10000,100000,1000000' },
    dir: { type: 'string', default: join(ROOT, 'data') },
    help: { type: 'boolean', default: false },
  } as const
  const { values } = parseArgs({ options })
  if (values.help) {
    console.log(HELP)
    return
  }
  mkdirSync(values.dir, { recursive: true })
  for (const count of values.extents.split(',').map(Number)) {
    const data = mkdtempSync(join(values.dir, 'truncate-'))
    try {
      const firstShare = { name: '/export', options: { squash: 'none' } } as const
      const engine = await openEngine(data, { firstShare })
      for (const one of cases) await scatteredFile(engine, one, count)
      await engine.drain()
      await engine.follower.flush()
      await engine.close()
      for (const one of cases) await measure(data, one, count)
    } finally {
      rmSync(data, { recursive: true, force: true })
    }
  }
}

await main()
