/** Retention overtakes who looks at the past: stale handles, and never wrong content. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { nfsstat3 } from '../../src/protocols/nfs3/wire-types.ts'
import { RunningServer } from '../control/running-server.ts'
import { Session } from '../protocols/session.ts'
import { temporaryDirectory } from '../temporary.ts'

const { path: data, remove } = temporaryDirectory('browsing')
let server: RunningServer

const start = async () => {
  server = await RunningServer.start(data, '--share-squash', 'none', '--log-level', 'warn')
}

after(async () => {
  await server.kill()
  remove()
})

test('handles of moments that are forgotten are stale, also after kill -9', async () => {
  await start()
  const session = await Session.open(server.nfsPort)
  const { nfs, root } = session
  const [then, size] = [Buffer.alloc(200_000, 'then'), 200_000]
  const live = await session.create(root, 'file', { data: then })
  assert.equal((await server.dfsctl('label', 'create', '/export', 'then')).status, 0)
  await session.write(live, 0, Buffer.alloc(size, 'now!'))
  const history = await session.lookup(root, '.history')
  const dir = await session.lookup(history, 'then')
  const file = await session.lookup(dir, 'file')
  assert.deepEqual(await session.read(file, 0, size), then)

  const seen = new Set<number>()
  let over = false
  const reading = (async () => {
    for (let round = 0; !over; round++) {
      const result = await nfs.read({ file, offset: 0, count: size })
      seen.add(result.status)
      if (result.status === 0) assert.deepEqual(result.data, then, `round ${round}`)
      const found = await nfs.lookup({ what: { dir, name: 'file' } })
      seen.add(found.status)
    }
  })()
  assert.equal((await server.dfsctl('share', 'edit', '/export', '--retain', '0')).status, 0)
  for (let i = 0; i < 2; i++) assert.equal((await server.dfsctl('collect')).status, 0)
  over = true
  await reading
  assert.deepEqual([...seen].sort(), [0, nfsstat3.NFS3ERR_STALE], 'nothing else was seen')

  const stale = async ({ nfs: client }: Session) => {
    const page = { dir, cookie: 0, cookieverf: Buffer.alloc(8), dircount: 4096, maxcount: 4096 }
    for (const { status } of [
      await client.getattr({ object: file }),
      await client.read({ file, offset: 0, count: 10 }),
      await client.access({ object: file, access: 1 }),
      await client.lookup({ what: { dir, name: 'file' } }),
      await client.readdirplus(page),
    ]) {
      assert.equal(status, nfsstat3.NFS3ERR_STALE)
    }
    const gone = await client.lookup({ what: { dir: history, name: 'then' } })
    assert.equal(gone.status, nfsstat3.NFS3ERR_NOENT)
  }
  await stale(session)
  assert.deepEqual(await session.read(live, 0, size), Buffer.alloc(size, 'now!'))
  await session.close()
  await server.kill()
  await start()
  const again = await Session.open(server.nfsPort)
  await stale(again)
  assert.deepEqual(await again.read(live, 0, size), Buffer.alloc(size, 'now!'))
  await again.close()
})
