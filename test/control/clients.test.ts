/** What clients do is visible to administrators, and the other way round. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createmode3 } from '../../src/protocols/nfs3/procedures/create.ts'
import { nfsstat3 } from '../../src/protocols/nfs3/wire-types.ts'
import { Mount3Client } from '../client/mount3-client.ts'
import { nfs3Client, sattr } from '../client/nfs3-client.ts'
import { RpcClient } from '../client/rpc-client.ts'
import { serveApi, sharePath } from './running-server.ts'

const server = await serveApi()
const rpc = await RpcClient.connect({ port: server.nfsPort })
const mounts = new Mount3Client(rpc)
after(() => rpc.close())

interface Client {
  readonly address: string
  readonly mounts: readonly string[]
  readonly since: string
  readonly connections: number
}

const clients = async () =>
  (await server.ask('GET', '/v1/clients')).body['clients'] as readonly Client[]

describe('a client', () => {
  test('is listed with what it has mounted and how often it is connected', async () => {
    await mounts.root('/export')
    const [client, ...more] = await clients()
    assert.equal(more.length, 0)
    const { address, mounts: mounted, since, connections } = client!
    assert.deepEqual([address, mounted, connections], ['127.0.0.1', ['/export'], 1])
    assert.ok(!Number.isNaN(Date.parse(since)))
    assert.match(
      (await server.dfsctl('client', 'list')).stdout,
      /^127\.0\.0\.1 +1 +\S+Z +\/export$/m,
    )
    const { body } = await server.ask('GET', '/v1/status')
    assert.deepEqual(body['connections'], { open: 1, underWay: 0, paused: 0 })
    assert.match(await server.metrics(), /^dittofs_connections 1$/m)

    await mounts.umntall()
    assert.deepEqual((await clients())[0]!.mounts, [])
  })

  test('waits while a share is frozen, and goes on when it is thawed', async () => {
    const dir = await mounts.root('/export')
    const nfs = nfs3Client(rpc)
    const make = () =>
      nfs.create({
        where: { dir, name: 'late' },
        how: { mode: createmode3.UNCHECKED, obj_attributes: sattr() },
      })
    await server.ask('PATCH', sharePath('/export'), { options: { frozen: true } })
    const making = make()
    assert.equal((await nfs.lookup({ what: { dir, name: 'late' } })).status, nfsstat3.NFS3ERR_NOENT)
    await server.ask('PATCH', sharePath('/export'), { options: { frozen: false } })
    let made = await making
    // On a slow machine it was told to try again before the thaw.
    while (made.status === nfsstat3.NFS3ERR_JUKEBOX) made = await make()
    assert.equal(made.status, nfsstat3.NFS3_OK)
  })

  test('cannot use a share that is deleted', async () => {
    await server.ask('POST', '/v1/shares', { name: '/gone' })
    const root = await mounts.root('/gone')
    await server.ask('DELETE', sharePath('/gone'))
    const { status } = await nfs3Client(rpc).getattr({ object: root })
    assert.equal(status, nfsstat3.NFS3ERR_STALE)
    await assert.rejects(mounts.root('/gone'), /NOENT/)
  })

  test('is what the share lets it be, from the next call on', async () => {
    const root = await mounts.root('/export')
    const options = { allow: ['192.0.2.1'] }
    await server.ask('PATCH', sharePath('/export'), { options })
    const { status } = await nfs3Client(rpc).getattr({ object: root })
    assert.equal(status, nfsstat3.NFS3ERR_ACCES)
    await server.ask('PATCH', sharePath('/export'), { options: { allow: [] } })
    assert.equal((await nfs3Client(rpc).getattr({ object: root })).status, nfsstat3.NFS3_OK)
  })
})
