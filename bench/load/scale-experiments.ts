/** What is measured of a data directory with a million files in it. */
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { promisify } from 'node:util'
import { Mount3Client } from '../../test/client/mount3-client.ts'
import { type Nfs3Client, nfs3Client, ok } from '../../test/client/nfs3-client.ts'
import { RpcClient } from '../../test/client/rpc-client.ts'
import { DFS, startDfs } from '../peers/dittofs.ts'
import type { RunningPeer } from '../peers/peer.ts'
import { dropPageCache } from './page-cache.ts'
import { memoryOf } from './process-usage.ts'
import { directoryName, inFlight, USER } from './working-set.ts'

const run = promisify(execFile)
const LIST_BYTES = 1 << 20
const DOTS = new Set(['.', '..'])

/** Starts the server on data it has, and says how long it took until it was ready. */
export async function restart(data: string): Promise<{ server: RunningPeer; seconds: number }> {
  const start = performance.now()
  const server = await startDfs(data, 'durable')
  return { server, seconds: (performance.now() - start) / 1000 }
}

type Cache = 'warm' | 'cold'

export class ScaleExperiments {
  private readonly killed: string
  private readonly data: string
  private readonly rounds: number

  /** `killed` has what a server left that was killed; `data` is where it is worked upon. */
  constructor(killed: string, data: string, rounds: number) {
    this.killed = killed
    this.data = data
    this.rounds = rounds
  }

  private fresh(): void {
    rmSync(this.data, { recursive: true, force: true })
    cpSync(this.killed, this.data, { recursive: true })
    execFileSync('sync')
  }

  private async starts(before: () => unknown, cache: Cache): Promise<number | undefined> {
    const seconds: number[] = []
    for (let i = 0; i < this.rounds; i++) {
      await before()
      if (cache === 'cold' && !dropPageCache()) return undefined
      const started = await restart(this.data)
      await started.server.stop()
      seconds.push(started.seconds)
    }
    return median(seconds)
  }

  async afterKill() {
    const fresh = () => this.fresh()
    return { warm: await this.starts(fresh, 'warm'), cold: await this.starts(fresh, 'cold') }
  }

  async afterCleanStop() {
    this.fresh()
    const { server } = await restart(this.data)
    await server.stop()
    const nothing = () => undefined
    return { warm: await this.starts(nothing, 'warm'), cold: await this.starts(nothing, 'cold') }
  }

  /** Each directory's first listing, so that each row and each entry is read. */
  async list(directories: number, files: number) {
    this.fresh()
    const { server } = await restart(this.data)
    const start = performance.now()
    const entries = await listAll(server, directories)
    const seconds = (performance.now() - start) / 1000
    const memory = memoryOf(server.pid)
    await server.stop()
    if (entries !== files) throw new Error(`${entries} of ${files} files were listed`)
    return { seconds, entriesPerSecond: entries / seconds, memory }
  }

  async rebuild() {
    this.fresh()
    const rates: number[] = []
    for (let i = 0; i < this.rounds; i++) {
      const { stdout } = await run(process.execPath, [
        DFS,
        'rebuild',
        '--data',
        this.data,
        '--json',
      ])
      const { records, seconds } = JSON.parse(stdout)
      rates.push(records / seconds)
    }
    return { recordsPerSecond: median(rates) }
  }
}

async function listAll(server: RunningPeer, directories: number): Promise<number> {
  const rpc = await RpcClient.connect({ ...server.nfs, credentials: USER })
  const root = await new Mount3Client(rpc).root(server.exportPath)
  const nfs = nfs3Client(rpc)
  const bench = await handleIn(nfs, root, 'bench')
  let entries = 0
  await inFlight(directories, async (i) => {
    const dir = await handleIn(nfs, bench, directoryName(i))
    let [cookie, cookieverf, eof] = [0, Buffer.alloc(8), false]
    while (!eof) {
      const limits = { dircount: LIST_BYTES, maxcount: LIST_BYTES }
      const page = ok(await nfs.readdirplus({ dir, cookie, cookieverf, ...limits }))
      const { entries: found } = page.reply
      entries += found.filter(({ name }) => !DOTS.has(String(name))).length
      cookie = found.at(-1)?.cookie ?? cookie
      cookieverf = Buffer.from(page.cookieverf)
      eof = page.reply.eof
    }
  })
  await rpc.close()
  return entries
}

async function handleIn(nfs: Nfs3Client, dir: Buffer, name: string): Promise<Buffer> {
  return Buffer.from(ok(await nfs.lookup({ what: { dir, name } })).object)
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number
}
