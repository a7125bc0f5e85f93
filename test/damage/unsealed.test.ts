/**
 * A change that waits for bytes which the disk does not take: it is refused as COMMIT is, the bytes
 * stay staged, and whoever asks again once there is room has it done.
 */
import assert from 'node:assert/strict'
import { readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MiB } from '../../src/platform/limits.ts'
import { nfs3, ok, sattr } from '../client/nfs3-client.ts'
import { decodeResult } from '../client/rpc-call.ts'
import { assertStatus, statusName } from '../protocols/nfs3/expectations.ts'
import { serveShare } from '../protocols/served-share.ts'
import { Session } from '../protocols/session.ts'
import { ServerProcess } from '../server-process.ts'
import { SmallDisk } from './small-disk.ts'

const UNSTABLE = 0

/** Large enough to become blocks of segments of their own. */
async function stage(session: Session, file: Buffer, fill: number): Promise<Buffer> {
  const data = Buffer.alloc(MiB, fill)
  await session.write(file, 0, data, UNSTABLE)
  return data
}

async function guardedChmod(session: Session, object: Buffer, mode: number) {
  const guard = (await session.attributes(object)).ctime
  const args = { object, new_attributes: sattr({ mode }), guard }
  const message = session.rpc.encode(nfs3.setattr, args, { credentials: session.credentials })
  return async () => decodeResult(nfs3.setattr, (await session.rpc.exchange(message)).body)
}

test('a guarded SETATTR of a file whose bytes cannot be stored: NFS3ERR_IO', async () => {
  const share = await serveShare()
  const session = await share.session()
  const file = await session.create(session.root, 'file')
  // No segment can be begun.
  const [content, away] = ['content', 'content.away'].map((name) => join(share.data, name))
  renameSync(content as string, away as string)
  const data = await stage(session, file, 7)
  const before = await session.attributes(file)
  const setattr = await guardedChmod(session, file, 0o600)
  const refused = await setattr()
  assertStatus(refused, 'NFS3ERR_IO')
  assert.deepEqual(refused.obj_wcc.before?.size, MiB)
  assert.deepEqual(refused.obj_wcc.after, before)
  const commit = await session.nfs.commit({ file, offset: 0, count: 0 })
  assertStatus(commit, 'NFS3ERR_IO')
  rmSync(content as string, { recursive: true, force: true })
  renameSync(away as string, content as string)
  // The very same call: a refusal like this one is not remembered.
  assertStatus(await setattr(), 'NFS3_OK')
  assert.equal((await session.attributes(file)).mode, 0o600)
  assert.ok(readdirSync(content as string).length > 0)
  const ran = JSON.parse(await share.server.ask('GET', '/v1/audit?op=SETATTR&result=refused'))
  assert.ok(JSON.stringify(ran).includes('inputOutput'), JSON.stringify(ran))
  await share.crash()
  const again = await share.session()
  assert.ok((await again.readAll(await again.lookup(again.root, 'file'))).equals(data))
})

const disk = SmallDisk.mount(192)
const skip = typeof disk === 'string' ? disk : false

describe('on a full disk', { skip }, () => {
  const small = disk as SmallDisk
  let server: ServerProcess | undefined
  after(async () => {
    if (server?.alive) await server.kill()
    small.unmount()
  })

  test('a guarded SETATTR of a file whose bytes have no room: NFS3ERR_NOSPC', async () => {
    const settings = { 'share-squash': 'none' }
    server = await ServerProcess.start({ data: join(small.path, 'data'), settings })
    const session = await Session.open(server.port)
    const file = await session.create(session.root, 'file')
    let status = 'NFS3_OK'
    // Bytes may be stored by themselves before the disk is full.
    for (let n = 0; n < 10 && status === 'NFS3_OK'; n++) {
      small.clear()
      await sleep(600)
      await stage(session, file, n)
      const setattr = await guardedChmod(session, file, 0o600 + n)
      small.fill()
      status = statusName(await setattr())
    }
    assert.equal(status, 'NFS3ERR_NOSPC')
    small.clear()
    await sleep(600)
    const setattr = await guardedChmod(session, file, 0o400)
    assertStatus(await setattr(), 'NFS3_OK')
    ok(await session.nfs.commit({ file, offset: 0, count: 0 }))
    await session.close()
    assert.deepEqual(server.errors, [])
  })
})
