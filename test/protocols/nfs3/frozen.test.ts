/** Shares that are frozen for a moment, as for a snapshot of the disk below. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stable_how } from '../../../src/protocols/nfs3/procedures/write.ts'
import { nfs3, sattr } from '../../client/nfs3-client.ts'
import { toRecord } from '../../client/record-marking.ts'
import { decodeResult } from '../../client/rpc-call.ts'
import { RpcDisconnected } from '../../client/rpc-error.ts'
import { serveShare } from '../served-share.ts'
import { assertStatus } from './expectations.ts'
import { asking, furnished } from './furnished.ts'
import { callByName } from './valid-calls.ts'

const share = await serveShare()

describe('frozen', () => {
  test('changes wait until it is thawed; asking goes on', async () => {
    const { session, dir, calls } = await furnished(share)
    await share.edit({ frozen: true })
    let done = false
    const waiting = session.mkdir(dir, 'waits').then(() => {
      done = true
    })
    for (const name of asking) {
      assertStatus(await callByName(session.nfs, name, calls[name]), 'NFS3_OK', name)
    }
    assertStatus(await callByName(session.nfs, 'write', calls.write), 'NFS3ERR_JUKEBOX')
    assert.equal(done, false)
    assert.equal(await session.exists(dir, 'waits'), false)
    await share.edit({ frozen: false })
    await waiting
    assert.ok(await session.exists(dir, 'waits'))
  })

  test('a call that is sent again while it waits happens once', async () => {
    const { session, dir } = await share.workplace()
    await share.edit({ frozen: true })
    const args = { where: { dir, name: 'once' }, attributes: sattr() }
    const message = session.rpc.encode(nfs3.mkdir, args, { credentials: session.credentials })
    const answer = session.rpc.exchange(message)
    await session.attributes(dir)
    session.rpc.sendBytes(toRecord(message))
    await session.attributes(dir)
    await share.edit({ frozen: false })
    const first = await answer
    assertStatus(decodeResult(nfs3.mkdir, first.body), 'NFS3_OK')
    assert.deepEqual((await session.rpc.exchange(message)).body, first.body)
    assert.deepEqual(await session.names(dir), ['once'])
  })

  test('a call that waits when its connection ends is answered where it comes again', async () => {
    const { session, dir } = await share.workplace()
    const gone = await share.session()
    await share.edit({ frozen: true })
    const args = { where: { dir, name: 'elsewhere' }, attributes: sattr() }
    const message = gone.rpc.encode(nfs3.mkdir, args, { credentials: gone.credentials })
    const lost = gone.rpc.exchange(message)
    await gone.attributes(dir)
    await gone.rpc.reset()
    await assert.rejects(lost, RpcDisconnected)
    const answers = [session.rpc.exchange(message), (await share.session()).rpc.exchange(message)]
    await session.attributes(dir)
    await share.edit({ frozen: false })
    for (const { body } of await Promise.all(answers)) {
      assertStatus(decodeResult(nfs3.mkdir, body), 'NFS3_OK')
    }
    assert.deepEqual(await session.names(dir), ['elsewhere'])
  })

  test('what is on its way into a file that is cut when it thaws does not come back', async () => {
    const { session, dir } = await share.workplace()
    const file = await session.create(dir, 'cut')
    // Not whole blocks: those would be stored at once.
    const data = Buffer.alloc((1 << 20) - 4096, 'x')
    for (let i = 0; i < 64; i++) {
      await session.write(file, i * (1 << 20), data, stable_how.UNSTABLE)
    }
    await share.edit({ frozen: true })
    const cut = session.nfs.setattr({
      object: file,
      new_attributes: { ...sattr(), size: 0 },
      guard: undefined,
    })
    await session.attributes(dir)
    const committed = session.nfs.commit({ file, offset: 0, count: 0 })
    await share.edit({ frozen: false })
    const { status } = await cut
    assertStatus(await committed, 'NFS3_OK')
    // JUKEBOX: it is to be sent again.
    const size = status === 0 ? 0 : (63 << 20) + data.length
    assert.equal(Number((await session.attributes(file)).size), size)
    assert.ok([0, 10_008].includes(status), `status ${status}`)
  })

  test('NFS3ERR_JUKEBOX when it takes long; sent again later, it happens', async () => {
    const { session, dir } = await share.workplace()
    await share.edit({ frozen: true })
    const args = { where: { dir, name: 'late' }, attributes: sattr() }
    const message = session.rpc.encode(nfs3.mkdir, args, { credentials: session.credentials })
    const send = async () => decodeResult(nfs3.mkdir, (await session.rpc.exchange(message)).body)
    assertStatus(await send(), 'NFS3ERR_JUKEBOX')
    assert.deepEqual(await session.names(dir), [])
    await share.edit({ frozen: false })
    assertStatus(await send(), 'NFS3_OK')
    assert.deepEqual(await session.names(dir), ['late'])
  })

  test('it is frozen behind a crash too, and what waited happens once', async () => {
    const { session, dir } = await share.workplace()
    await share.edit({ frozen: true })
    const args = { where: { dir, name: 'once' }, attributes: sattr() }
    const message = session.rpc.encode(nfs3.mkdir, args, { credentials: session.credentials })
    session.rpc.sendBytes(toRecord(message))
    assert.equal(await session.exists(dir, 'once'), false)
    await share.crash()
    const again = await share.session()
    const answer = again.rpc.exchange(message)
    assert.equal(await again.exists(dir, 'once'), false)
    await share.edit({ frozen: false })
    const first = await answer
    assertStatus(decodeResult(nfs3.mkdir, first.body), 'NFS3_OK')
    await share.crash()
    const { body } = await (await share.session()).rpc.exchange(message)
    assert.deepEqual(body, first.body)
  })

  test('all kinds of changes find their way when it thaws', async () => {
    const { session, dir, file, calls } = await furnished(share)
    await session.create(dir, 'to remove')
    await session.mkdir(dir, 'to rmdir')
    await session.create(dir, 'to rename')
    await share.edit({ frozen: true })
    const waiting = [
      callByName(session.nfs, 'setattr', calls.setattr),
      callByName(session.nfs, 'create', calls.create),
      session.nfs.remove({ object: { dir, name: 'to remove' } }),
      session.nfs.rmdir({ object: { dir, name: 'to rmdir' } }),
      session.nfs.rename({ from: { dir, name: 'to rename' }, to: { dir, name: 'renamed' } }),
      session.nfs.link({ file, link: { dir, name: 'linked' } }),
    ]
    await session.attributes(dir)
    await share.edit({ frozen: false })
    for (const result of await Promise.all(waiting)) assertStatus(result, 'NFS3_OK')
    const names = ['file', 'linked', 'name', 'renamed', 'symlink']
    assert.deepEqual((await session.names(dir)).sort(), names)
  })
})
