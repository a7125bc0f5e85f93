import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { MiB } from '../../src/platform/limits.ts'
import { Session } from '../protocols/session.ts'
import { temporaryDirectory } from '../temporary.ts'
import { RunningServer, sharePath } from './running-server.ts'

const { path: data, remove } = temporaryDirectory('collection')
after(remove)
const FLAGS = ['--share-squash', 'none', '--log-level', 'warn'] as const

test('space that retention does not cover comes back when it is asked for', async () => {
  let server = await RunningServer.start(data, ...FLAGS)
  let session = await Session.open(server.nfsPort)
  const kept = randomBytes(MiB / 2)
  await session.create(session.root, 'kept', { data: kept })
  for (let i = 0; i < 4; i++) {
    await session.create(session.root, `gone ${i}`, { data: randomBytes(MiB / 2) })
    await session.remove(session.root, `gone ${i}`)
  }
  assert.equal((await server.dfsctlJson('collect'))['segments'], 0, 'the past still needs it')
  await server.ask('PATCH', sharePath('/export'), { options: { retain: 0 } })
  await session.close()
  // The segments of an earlier process are complete.
  await server.kill()
  server = await RunningServer.start(data, ...FLAGS)
  const { segments, bytes, moved, dropped, versions, damaged } = await server.dfsctlJson('collect')
  assert.ok(Number(segments) > 0 && Number(bytes) > 2 * MiB, `${segments} of ${bytes} bytes`)
  assert.deepEqual([moved, dropped, damaged], [1, 4, 0])
  assert.ok(Number(versions) > 0)
  const { stdout, status } = await server.dfsctl('collect')
  assert.equal(status, 0)
  assert.match(stdout, /^content +0 files of 0 B removed$/m)
  session = await Session.open(server.nfsPort)
  const again = await session.lookup(session.root, 'kept')
  assert.deepEqual(await session.readAll(again), kept)
  await session.close()
  assert.equal(await server.stop(), 0)
})
