/**
 * Nothing in memory grows with the number of files: what tens of thousands of them leave there
 * tells what millions would. `node bench/scale.ts` has the whole of it, pages of LMDB's included.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateCalls } from '../../bench/load/call-sources.ts'
import { LatencyHistogram } from '../../bench/load/latency-histogram.ts'
import { LoadConnection } from '../../bench/load/load-connection.ts'
import { FailureTally } from '../../bench/load/reply-verdict.ts'
import { inFlight, makeDirectories } from '../../bench/load/working-set.ts'
import { KiB, MiB } from '../../src/platform/limits.ts'
import { ok } from '../client/nfs3-client.ts'
import { authSys } from '../client/rpc-call.ts'
import { INSPECTABLE, Inspector, listeningAt, MAIN } from '../inspector.ts'
import { Session } from '../protocols/session.ts'
import { dataBelow, ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'

/** Of all batches: how far the follower may be behind, and so what is in memory, is alike then. */
const BATCH = 10_000
/** Enough for what is bounded to be full; then twice as many more. */
const BATCHES = 3
const MORE_BATCHES = 2 * BATCHES
const MORE = MORE_BATCHES * BATCH
const FILES_PER_DIRECTORY = 100
const WRITTEN_PART = 1 / 20
const USER = authSys({ uid: 1000, gid: 1000 })
/** Little, so that all tables are soon full. */
const PROJECTION_MEMORY = 2 * MiB
/** With the control plane's rows, of which there are few whatever clients do. */
const TABLES_MAX = PROJECTION_MEMORY + 64 * KiB
/** Threads that fold, cache or index. The others sleep at a bell, where no inspector wakes them. */
const COLLECTED: readonly string[] = [MAIN, 'follower', 'content']

/** Bytes. A number for each file in a map, the least that can grow, takes some 30. */
const GROWTH_PER_FILE = 20
/** What a thread whose garbage was not collected may have more of it than before. */
const UNCOLLECTED = 8 * MiB

/** Milliseconds, many times what it takes anywhere. */
const HANGS = 600_000

class Load {
  readonly server: ServerProcess
  private readonly session: Session
  private readonly connections: readonly LoadConnection[]
  private made = 0

  private constructor(
    server: ServerProcess,
    session: Session,
    connections: readonly LoadConnection[],
  ) {
    this.server = server
    this.session = session
    this.connections = connections
  }

  static async open(server: ServerProcess): Promise<Load> {
    const session = await Session.open(server.port)
    await session.set(session.root, { mode: 0o777 })
    const address = { host: '127.0.0.1', port: server.port }
    const connections = await Promise.all(
      [0, 1, 2, 3].map((i) => LoadConnection.open(address, 16, i)),
    )
    return new Load(server, session.as(USER), connections)
  }

  async batches(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.batch()
  }

  /** Makes files, of which some are written to, and reads of them; then few, slowly. */
  private async batch(): Promise<void> {
    this.made += 1
    const { session, connections } = this
    const top = await session.mkdir(session.root, `batch-${this.made}`)
    const dirs = await makeDirectories(session.nfs, top, BATCH / FILES_PER_DIRECTORY)
    await Promise.all(
      connections.map((connection, i) =>
        create(connection, new CreateCalls(dirs, `${i}-`, USER, BATCH / connections.length)),
      ),
    )
    await inFlight(BATCH * WRITTEN_PART, async (i) => {
      const file = await session.create(dirs[i % dirs.length] as Buffer, `written-${i}`)
      await session.write(file, 0, Buffer.alloc(4 * KiB, `${this.made} ${i} `))
      await session.read(file, 0, 4 * KiB)
    })
    await this.settled()
    await this.readOld(dirs)
    await create(connections[0] as LoadConnection, new CreateCalls(dirs, 'last-', USER, 1000))
    await this.settled()
  }

  /** Names that are there and names that are not, by which rows come back into memory. */
  private async readOld(dirs: readonly Buffer[]): Promise<void> {
    await inFlight(dirs.length, async (i) => {
      const dir = dirs[i] as Buffer
      const names = await this.names(dir)
      assert.ok(names.length >= FILES_PER_DIRECTORY)
      for (const name of names.slice(-10)) {
        assert.ok(await this.session.exists(dir, name))
        assert.ok(!(await this.session.exists(dir, `no ${name}`)))
      }
    })
  }

  /** Not READDIRPLUS, whose pages are kept: many more directories fill the room for them. */
  private async names(dir: Buffer): Promise<readonly string[]> {
    const args = { dir, cookie: 0, cookieverf: Buffer.alloc(8), count: 64 * KiB }
    const { reply } = ok(await this.session.nfs.readdir(args))
    assert.ok(reply.eof)
    return reply.entries.map(({ name }) => name)
  }

  /** The projections on disk have everything. Who falls behind for good is waited for in vain. */
  private async settled(): Promise<void> {
    while ((await this.server.metrics()).get('dittofs_follower_lag_records') !== 0) await sleep(20)
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.close()
    await this.session.close()
  }
}

async function create(connection: LoadConnection, source: CreateCalls): Promise<void> {
  const failures = new FailureTally()
  const histogram = new LatencyHistogram()
  await connection.run({ source, histogram, failures, deadline: Number.POSITIVE_INFINITY })
  failures.throwIfAny('create')
}

describe('memory with many files', () => {
  const directory = temporaryDirectory('memory')
  let server: ServerProcess
  let load: Load
  let inspector: Inspector

  before(async () => {
    let address = ''
    server = await ServerProcess.start({
      data: dataBelow(directory.path),
      settings: {
        'share-squash': 'none',
        'projection-memory': `${PROJECTION_MEMORY}`,
        'content-memory': `${MiB}`,
      },
      environment: { NODE_OPTIONS: INSPECTABLE },
      onLog: (line) => {
        address = listeningAt(line) ?? address
      },
    })
    load = await Load.open(server)
    inspector = await Inspector.open(address)
  })
  after(async () => {
    inspector?.close()
    await load?.close()
    await server?.kill()
    directory.remove()
  })

  /** By thread: what is in use of its heap, and what that holds outside of it. */
  async function memory(): Promise<ReadonlyMap<string, number>> {
    // The first time leaves what it has just found that nobody refers to.
    for (let i = 0; i < 2; i++) await inspector.collectGarbage(...COLLECTED)
    const metrics = await server.metrics()
    assert.equal(metrics.get('dittofs_dirty_rows'), 0)
    const rows = metrics.get('dittofs_cache_bytes{cache="projections"}') as number
    assert.ok(rows <= TABLES_MAX, `rows take ${rows} bytes`)
    const threads = [MAIN, 'log', 'settle', 'content', 'follower']
    return new Map(
      threads.map((thread) => {
        const of = (kind: string): number => {
          const name = `dittofs_thread_memory_bytes{thread="${thread}",kind="${kind}"}`
          return metrics.get(name) as number
        }
        return [thread, of('heap') + of('external')]
      }),
    )
  }

  test('stays as it is, however many there are', { timeout: HANGS }, async (t) => {
    await load.batches(BATCHES)
    const before = await memory()
    await load.batches(MORE_BATCHES)
    const grown = [...(await memory())].map(([thread, bytes]) => {
      const growth = bytes - (before.get(thread) as number)
      t.diagnostic(`${thread}: ${bytes} bytes, ${(growth / MORE).toFixed(1)} more per file`)
      return { thread, growth }
    })
    const tooMuch = grown.filter(({ thread, growth }) => {
      const allowed = COLLECTED.includes(thread) ? 0 : UNCOLLECTED
      return growth > GROWTH_PER_FILE * MORE + allowed
    })
    assert.deepEqual(tooMuch, [])
  })
})
