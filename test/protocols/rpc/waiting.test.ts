/** Who connects while nobody serves: while a server starts, or opens its data directory again. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../../../src/commands/engine.ts'
import { silentLog } from '../../../src/platform/log.ts'
import { mountPrograms } from '../../../src/protocols/mount3/program.ts'
import { nfs3Program } from '../../../src/protocols/nfs3/program.ts'
import { ProgramTable } from '../../../src/protocols/rpc/dispatcher.ts'
import { RpcServer } from '../../../src/protocols/rpc/server.ts'
import { nfs3 } from '../../client/nfs3-client.ts'
import type { RpcClient } from '../../client/rpc-client.ts'
import { RpcDisconnected } from '../../client/rpc-error.ts'
import { openEngine } from '../../commands/engine-fixture.ts'
import { temporaryDirectory } from '../../temporary.ts'
import { connect, ROOT, Session } from '../session.ts'

const LIMIT = 3
const none = { connections: 0, waiting: 0, underWay: 0, abused: 0, rejected: 0 }

describe('a connection that comes before there is anybody to serve it', { timeout: 60_000 }, () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let engine: Engine
  let rpc: RpcServer
  let port: number
  let table: ProgramTable
  beforeEach(async () => {
    directory = temporaryDirectory('waiting')
    const firstShare = { name: '/export', options: { squash: 'none' } } as const
    engine = await openEngine(directory.path, { firstShare })
    rpc = new RpcServer({ log: silentLog, maxConnections: LIMIT })
    port = await rpc.listen(0, '127.0.0.1')
    table = new ProgramTable([nfs3Program(engine), ...mountPrograms(engine)])
  })
  afterEach(async () => {
    await rpc.drain(0)
    await engine.close()
    directory.remove()
  })

  const ask = (client: RpcClient) => client.call(nfs3.null, {})

  test('waits, and comes once more when there is', async () => {
    const client = await connect(port, { reconnectMs: 5000 })
    for (let i = 0; i < 2; i++) {
      let answered = false
      const answer = ask(client).then(() => {
        answered = true
      })
      while (rpc.counts.waiting === 0) await sleep(1)
      await sleep(100)
      assert.deepEqual(rpc.counts, { ...none, waiting: 1 })
      assert.ok(!answered)
      rpc.serve(engine, table)
      await answer
      assert.deepEqual(rpc.counts, { ...none, connections: 1 })
      // As when a stream is broken, and what is durable is opened again.
      rpc.interrupt('the stream is reopened')
    }
    await client.close()
  })

  test('does not do what it came for when it has been given up', async () => {
    const gone = await connect(port)
    const lost = ask(gone)
    await gone.reset()
    await assert.rejects(lost, RpcDisconnected)
    let calls = 0
    const answered = () => {
      calls += 1
    }
    const procedure = () => ({ answered })
    rpc.serve(engine, new ProgramTable([nfs3Program(engine)], { procedure }))
    const client = await connect(port)
    await ask(client)
    assert.equal(calls, 1)
    await client.close()
  })

  test('takes the place of the one that has waited longest, when too many wait', async () => {
    const answers: Promise<unknown>[] = []
    for (let i = 0; i < LIMIT + 2; i++) answers.push(ask(await connect(port)))
    for (const outcome of await Promise.allSettled(answers.slice(0, 2))) {
      assert.equal(outcome.status, 'rejected')
      assert.ok(outcome.reason instanceof RpcDisconnected, String(outcome.reason))
    }
    assert.deepEqual(rpc.counts, { ...none, waiting: LIMIT, rejected: 2 })
    rpc.serve(engine, table)
    await Promise.allSettled(answers)
  })

  test('is closed when the server stops before it serves', async () => {
    const client = await connect(port)
    const answer = ask(client)
    await sleep(50)
    await rpc.drain(1000)
    await assert.rejects(answer, RpcDisconnected)
  })

  test('ends when its client comes again from the same port, read to its end or not', async () => {
    rpc.serve(engine, table)
    const others: RpcClient[] = []
    while (others.length < LIMIT - 1) others.push(await connect(port))
    const localPort = await freePort()
    const gone = await Session.open(port, ROOT, '/export', { localPort })
    const file = await gone.create(gone.root, 'file')
    const { pressure } = engine
    pressure.blocked = () => 'a test'
    // This is answered, and nothing is read behind it.
    await gone.attributes(file)
    const given = gone.write(file, 0, 'given up')
    await sleep(50)
    await gone.rpc.reset()
    await assert.rejects(given, RpcDisconnected)
    const again = new Session(await connect(port, { localPort }), gone.root, gone.credentials)
    await again.write(file, 4096, 'came again')
    Reflect.deleteProperty(pressure, 'blocked')
    pressure.relieve()
    await sleep(50)
    const bytes = await again.readAll(file)
    assert.deepEqual(bytes.subarray(0, 4096), Buffer.alloc(4096))
    // There was room for as many, and there is for the one that came again.
    assert.deepEqual(rpc.counts, { ...none, connections: LIMIT })
    for (const rpcClient of [again.rpc, ...others]) await rpcClient.close()
  })
})

/** A port that nobody has now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
