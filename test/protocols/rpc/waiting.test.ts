/** Who connects while nobody serves: while a server starts, or opens its data directory again. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../../../src/commands/engine.ts'
import { silentLog } from '../../../src/platform/log.ts'
import { nfs3Program } from '../../../src/protocols/nfs3/program.ts'
import { ProgramTable } from '../../../src/protocols/rpc/dispatcher.ts'
import { RpcServer } from '../../../src/protocols/rpc/server.ts'
import { nfs3 } from '../../client/nfs3-client.ts'
import type { RpcClient } from '../../client/rpc-client.ts'
import { RpcDisconnected } from '../../client/rpc-error.ts'
import { openEngine } from '../../commands/engine-fixture.ts'
import { temporaryDirectory } from '../../temporary.ts'
import { connect } from '../session.ts'

const LIMIT = 3

describe('a connection that comes before there is anybody to serve it', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let engine: Engine
  let rpc: RpcServer
  let port: number
  let table: ProgramTable
  beforeEach(async () => {
    directory = temporaryDirectory('waiting')
    engine = await openEngine(directory.path)
    rpc = new RpcServer({ log: silentLog, maxConnections: LIMIT })
    port = await rpc.listen(0, '127.0.0.1')
    table = new ProgramTable([nfs3Program(engine)])
  })
  afterEach(async () => {
    await rpc.drain(0)
    await engine.close()
    directory.remove()
  })

  const ask = (client: RpcClient) => client.call(nfs3.null, {})

  test('waits, and is answered what it has asked', async () => {
    const client = await connect(port)
    let answered = false
    const answer = ask(client).then(() => {
      answered = true
    })
    await sleep(100)
    assert.ok(!answered)
    assert.ok(client.connected)
    rpc.serve(engine, table)
    await answer
    // The same once more, as when a broken stream is opened again.
    rpc.interrupt('the stream is reopened')
    await client.closed
    const again = await connect(port)
    const later = ask(again)
    await sleep(100)
    rpc.serve(engine, table)
    await later
    assert.equal(rpc.counts.connections, 1)
    await again.close()
  })

  test('takes the place of the one that has waited longest, when too many wait', async () => {
    const clients: RpcClient[] = []
    const answers: Promise<unknown>[] = []
    for (let i = 0; i < LIMIT + 2; i++) {
      const client = await connect(port)
      clients.push(client)
      answers.push(ask(client))
    }
    const early = await Promise.allSettled(answers.slice(0, 2))
    for (const outcome of early) {
      assert.equal(outcome.status, 'rejected')
      assert.ok(outcome.reason instanceof RpcDisconnected, String(outcome.reason))
    }
    assert.equal(rpc.counts.rejected, 2)
    rpc.serve(engine, table)
    await Promise.all(answers.slice(2))
    for (const client of clients) await client.close()
  })

  test('is forgotten when it has gone by then', async () => {
    const gone = await connect(port)
    void ask(gone).catch(() => undefined)
    await gone.reset()
    await sleep(50)
    rpc.serve(engine, table)
    const client = await connect(port)
    await ask(client)
    assert.equal(rpc.counts.connections, 1)
    await client.close()
  })

  test('is closed when the server stops before it serves', async () => {
    const client = await connect(port)
    const answer = ask(client)
    await sleep(50)
    await rpc.drain(1000)
    await assert.rejects(answer, RpcDisconnected)
  })
})
