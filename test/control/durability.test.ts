/** What the API has answered is there after a crash, after a takeover, and in every rebuild. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createmode3 } from '../../src/protocols/nfs3/procedures/create.ts'
import { Mount3Client } from '../client/mount3-client.ts'
import { nfs3Client, ok, sattr } from '../client/nfs3-client.ts'
import { RpcClient } from '../client/rpc-client.ts'
import { temporaryDirectory } from '../temporary.ts'
import { RunningServer, runProgram, sharePath } from './running-server.ts'
import { takeOver } from './take-over.ts'

async function makeFiles(port: number, share: string, count: number): Promise<void> {
  const rpc = await RpcClient.connect({ port })
  const root = await new Mount3Client(rpc).root(share)
  const nfs = nfs3Client(rpc)
  for (let i = 0; i < count; i++) {
    const where = { dir: root, name: `f${i}` }
    ok(await nfs.create({ where, how: { mode: createmode3.UNCHECKED, obj_attributes: sattr() } }))
  }
  await rpc.close()
}

describe('a server that is killed', () => {
  const { path: data, remove } = temporaryDirectory('killed')
  let server: RunningServer
  const shares = Array.from({ length: 20 }, (_, i) => `/share/${i}`)

  before(async () => {
    server = await RunningServer.start(data)
  })
  after(async () => {
    await server.stop()
    remove()
  })

  test('has all that it answered for', async () => {
    const made = await Promise.all(
      shares.map((name, i) =>
        server.ask('POST', '/v1/shares', { name, options: { anonUid: i, frozen: i % 2 === 0 } }),
      ),
    )
    assert.ok(made.every(({ status }) => status === 201))
    await server.ask('POST', '/v1/users', { name: 'ada', uid: 1000, gids: [50] })
    await server.ask('POST', '/v1/groups', { name: 'staff', gid: 50 })
    await server.ask('POST', '/v1/users', { name: 'eve', uid: 1001 })
    await server.ask('DELETE', '/v1/users/eve')
    await server.ask('DELETE', sharePath('/share/3'))
    const { status } = await server.ask('PATCH', sharePath('/share/4'), {
      options: { frozen: false },
    })
    assert.equal(status, 200)
    const { token } = server
    await server.kill()

    server = await RunningServer.start(data)
    assert.equal(server.token, token, 'the token stays')
    const { body } = await server.ask('GET', '/v1/shares')
    const found = body['shares'] as {
      name: string
      options: { anonUid: number; frozen: boolean }
    }[]
    const expected = shares.flatMap((name, i) =>
      i === 3 ? [] : [[name, i, i % 2 === 0 && i !== 4] as const],
    )
    assert.deepEqual(
      found
        .filter(({ name }) => name !== '/export')
        .map(({ name, options }) => [name, options.anonUid, options.frozen])
        .sort(([, a], [, b]) => (a as number) - (b as number)),
      expected,
    )
    assert.deepEqual((await server.ask('GET', '/v1/users')).body, {
      users: [{ name: 'ada', uid: 1000, gid: 1000, gids: [50] }],
    })
    assert.deepEqual((await server.ask('GET', '/v1/groups')).body, {
      groups: [{ name: 'staff', gid: 50 }],
    })
    assert.equal((await server.ask('GET', '/v1/status')).body['epoch'], 2)
  })
})

describe('a digest', () => {
  const { path: data, remove } = temporaryDirectory('digest')
  let server: RunningServer

  before(async () => {
    server = await RunningServer.start(data)
  })
  after(async () => {
    await server.stop()
    remove()
  })

  test('of the live server is that of the directory, and of a rebuild', async () => {
    await server.dfsctl('share', 'create', '/other')
    await makeFiles(server.nfsPort, '/export', 50)
    await makeFiles(server.nfsPort, '/other', 5)
    const live = await server.dfsctlJson('digest', '--audit')
    assert.deepEqual(live['divergences'], [])
    const shares = live['shares'] as Record<string, string>
    assert.deepEqual(Object.keys(shares), ['0', '1', '2'])
    const joined = Object.entries(shares).map(([share, digest]) => `${share}:${digest}`)
    assert.equal(joined.join(' '), live['digest'])
    assert.equal((await server.dfsctl('digest')).stdout, `${live['digest']}\n`)
    assert.equal(await server.stop(), 0)

    for (const command of ['digest', 'rebuild']) {
      const { status, stdout } = await runProgram('dfs', [command, '--data', data, '--json'])
      assert.equal(status, 0)
      const { digest, seq } = JSON.parse(stdout)
      assert.deepEqual({ digest, seq }, { digest: live['digest'], seq: live['seq'] }, command)
    }
  })

  test('without the shares that were deleted', async () => {
    server = await RunningServer.start(data)
    await server.dfsctl('share', 'delete', '/other')
    const { shares } = (await server.ask('GET', '/v1/digest')).body
    assert.deepEqual(Object.keys(shares as object), ['0', '1'])
  })
})

describe('a stream that breaks', () => {
  const { path: data, remove } = temporaryDirectory('broken')
  let server: RunningServer

  before(async () => {
    server = await RunningServer.start(data)
  })
  after(async () => {
    await server.stop()
    remove()
  })

  test('is opened again, and the API goes on with the new one', async () => {
    await takeOver(data)
    const made = await server.ask('POST', '/v1/shares', { name: '/late' })
    assert.equal(made.status, 503, JSON.stringify(made.body))
    // Something else may have found out before it.
    assert.match(String(made.body['detail']), /kept or not|being reopened/)
    assert.match(made.headers.get('retry-after') ?? '', /^\d+$/)

    let health = await server.send('/health')
    while (health.status !== 200) {
      assert.equal(health.status, 503)
      const [reason] = health.body['reasons'] as { code: string; detail: string }[]
      assert.equal(reason!.code, 'not-serving')
      assert.match(reason!.detail, /reopened/)
      const refused = await server.ask('GET', '/v1/shares')
      assert.ok(refused.status === 503 || refused.status === 200)
      health = await server.send('/health')
    }
    const { body: status } = await server.ask('GET', '/v1/status')
    assert.deepEqual([status['epoch'], status['reopened']], [3, 1])
    assert.match(await server.metrics(), /^dittofs_stream_reopened_total 1$/m)
    const { body } = await server.ask('GET', '/v1/shares')
    assert.deepEqual(
      (body['shares'] as { name: string }[]).map(({ name }) => name),
      ['/export'],
      'what was refused a place in the journal is not there',
    )
    assert.equal((await server.ask('POST', '/v1/shares', { name: '/late' })).status, 201)
    const { divergences } = (await server.ask('GET', '/v1/digest?audit=1')).body
    assert.deepEqual(divergences, [])
  })
})
