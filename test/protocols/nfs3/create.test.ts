/** RFC 1813 section 3.3.8: CREATE, in its three modes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createmode3 } from '../../../src/protocols/nfs3/procedures/create.ts'
import { ftype3, time_how } from '../../../src/protocols/nfs3/wire-types.ts'
import { ok, sattr } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, ROOT, type Session } from '../session.ts'
import { assertStatus, changesBy } from './expectations.ts'

const share = await serveShare()
const { UNCHECKED, GUARDED, EXCLUSIVE } = createmode3

type Wanted = Parameters<typeof sattr>[0]

const create = (
  session: Session,
  dir: Buffer,
  name: string,
  mode: typeof UNCHECKED | typeof GUARDED,
  wanted: Wanted = { mode: 0o644 },
) => session.nfs.create({ where: { dir, name }, how: { mode, obj_attributes: sattr(wanted) } })

const exclusive = (session: Session, dir: Buffer, name: string, verifier: number) => {
  const verf = Buffer.alloc(8)
  verf.writeUInt32BE(verifier, 4)
  return session.nfs.create({ where: { dir, name }, how: { mode: EXCLUSIVE, verf } })
}

describe('all modes', () => {
  const at = (seconds: number) => ({
    how: time_how.SET_TO_CLIENT_TIME,
    time: { seconds, nseconds: 5 },
  })

  test('the attributes asked for are those of the file', async () => {
    const { session, dir } = await share.workplace()
    const wanted = { mode: 0o4751, uid: 5, gid: 6, size: 10, atime: at(100), mtime: at(200) }
    for (const mode of [UNCHECKED, GUARDED] as const) {
      const result = ok(await create(session, dir, `mode ${mode}`, mode, wanted))
      const attributes = await session.attributes(result.obj as Buffer)
      assert.deepEqual(result.obj_attributes, attributes)
      const { uid, gid, size, atime, mtime } = attributes
      assert.equal(attributes.mode, 0o4751)
      assert.deepEqual([uid, gid, size], [5, 6, 10])
      assert.deepEqual([atime, mtime], [at(100).time, at(200).time])
      assert.deepEqual(await session.readAll(result.obj as Buffer), Buffer.alloc(10))
    }
  })

  test('without attributes the file is the caller’s', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const { obj_attributes } = ok(await create(session, dir, 'file', GUARDED, {}))
    assert.equal(obj_attributes?.uid, ALICE.uid)
    assert.equal(obj_attributes.gid, ALICE.gid)
    assert.equal(obj_attributes.size, 0)
  })
})

describe('UNCHECKED', () => {
  test('takes a file that exists as it is', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { mode: 0o600, data: 'content' })
    const changed = await changesBy(session, file, async () => {
      const wanted = { mode: 0o777, mtime: { how: time_how.SET_TO_SERVER_TIME } }
      assert.deepEqual(ok(await create(session, dir, 'file', UNCHECKED, wanted)).obj, file)
    })
    assert.deepEqual(changed, [])
  })

  test('changes nothing about the directory when the file exists', async () => {
    const { session, dir } = await share.workplace(ALICE)
    await session.create(dir, 'file')
    assert.deepEqual(
      await changesBy(session, dir, () => create(session, dir, 'file', UNCHECKED)),
      [],
    )
  })

  test('gives a file that exists the size asked for', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'content' })
    const resize = (size: number) => async () => {
      const { obj, obj_attributes } = ok(await create(session, dir, 'file', UNCHECKED, { size }))
      assert.deepEqual(obj, file)
      assert.equal(obj_attributes?.size, size)
    }
    assert.deepEqual(await changesBy(session, file, resize(3)), ['ctime', 'mtime', 'size', 'used'])
    await resize(5)()
    assert.equal((await session.readAll(file)).toString('latin1'), 'con\0\0')
    await session.write(file, 0, 'unstable', 0)
    await resize(0)()
    assert.equal((await session.readAll(file)).length, 0)
    await session.commit(file)
    assert.equal((await session.readAll(file)).length, 0)
  })

  test('needs permission to write only when it cuts off: NFS3ERR_ACCES', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { mode: 0o644, data: 'content' })
    const bob = session.as(BOB)
    assertStatus(await create(bob, dir, 'file', UNCHECKED, { size: 0 }), 'NFS3ERR_ACCES')
    assertStatus(await create(bob, dir, 'file', UNCHECKED), 'NFS3_OK')
    assert.equal((await session.attributes(file)).size, 7)
  })

  test('NFS3ERR_EXIST for what is no regular file', async () => {
    const { session, dir } = await share.workplace()
    await session.mkdir(dir, 'directory')
    await session.symlink(dir, 'symlink', 'missing')
    await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO })
    for (const name of ['directory', 'symlink', 'fifo']) {
      assertStatus(await create(session, dir, name, UNCHECKED), 'NFS3ERR_EXIST', name)
      const emptied = await create(session, dir, name, UNCHECKED, { size: 0 })
      assertStatus(emptied, 'NFS3ERR_EXIST', name)
    }
  })
})

describe('GUARDED', () => {
  test('NFS3ERR_EXIST when the name is there, whatever it is', async () => {
    const { session, dir } = await share.workplace()
    await session.create(dir, 'file', { data: 'content' })
    await session.mkdir(dir, 'directory')
    await session.symlink(dir, 'symlink', 'missing')
    for (const name of ['file', 'directory', 'symlink']) {
      const result = await create(session, dir, name, GUARDED, { size: 0 })
      assertStatus(result, 'NFS3ERR_EXIST', name)
    }
    assert.equal((await session.attributes(await session.lookup(dir, 'file'))).size, 7)
  })
})

describe('EXCLUSIVE', () => {
  test('the same verifier finds the same file; another one NFS3ERR_EXIST', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const { obj } = ok(await exclusive(session, dir, 'file', 1))
    assert.deepEqual(ok(await exclusive(session, dir, 'file', 1)).obj, obj)
    assertStatus(await exclusive(session, dir, 'file', 2), 'NFS3ERR_EXIST')
    assertStatus(await create(session, dir, 'file', GUARDED), 'NFS3ERR_EXIST')
    assert.deepEqual(ok(await create(session, dir, 'file', UNCHECKED)).obj, obj)
  })

  test('the verifier is kept over a crash', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const { obj } = ok(await exclusive(session, dir, 'file', 3))
    await share.crash()
    const again = await share.session(ALICE)
    assert.deepEqual(ok(await exclusive(again, dir, 'file', 3)).obj, obj)
    assertStatus(await exclusive(again, dir, 'file', 4), 'NFS3ERR_EXIST')
  })

  test('NFS3ERR_EXIST for a file that was not made exclusively', async () => {
    const { session, dir } = await share.workplace(ALICE)
    await session.create(dir, 'file')
    await session.mkdir(dir, 'directory')
    for (const name of ['file', 'directory']) {
      assertStatus(await exclusive(session, dir, name, 0), 'NFS3ERR_EXIST', name)
      assertStatus(await exclusive(session, dir, name, 1), 'NFS3ERR_EXIST', name)
    }
  })

  test('attributes follow by SETATTR, as clients send it', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = ok(await exclusive(session, dir, 'file', 1)).obj as Buffer
    await session.set(file, { mode: 0o640, atime: { how: 1 }, mtime: { how: 1 } })
    const { mode, uid, size, mtime, ctime } = await session.attributes(file)
    assert.deepEqual({ mode, uid, size }, { mode: 0o640, uid: ALICE.uid, size: 0 })
    assert.deepEqual(mtime, ctime)
  })

  test('of many clients with verifiers of their own one wins', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const racers = Array.from({ length: 20 }, (_, i) => exclusive(session, dir, 'file', i))
    const results = await Promise.all(racers)
    assert.equal(results.filter(({ status }) => status === 0).length, 1)
    assert.equal(results.filter(({ status }) => status === 17).length, 19)
  })
})

describe('who may', () => {
  test('NFS3ERR_ACCES without permission to write and search', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const inner = await session.mkdir(dir, 'inner')
    for (const mode of [0o755, 0o752, 0o754, 0o751]) {
      await session.set(inner, { mode })
      const result = await create(session.as(BOB), inner, 'file', GUARDED)
      assertStatus(result, 'NFS3ERR_ACCES', mode.toString(8))
    }
    await session.set(inner, { mode: 0o753 })
    assertStatus(await create(session.as(BOB), inner, 'file', GUARDED), 'NFS3_OK')
    await session.set(inner, { mode: 0 })
    await session.as(ROOT).create(inner, 'by root')
  })

  test('NFS3ERR_PERM for a file of somebody else', async () => {
    const { session, dir } = await share.workplace(ALICE)
    for (const wanted of [{ uid: BOB.uid }, { gid: BOB.gid }, { uid: 0, gid: 0 }]) {
      const result = await create(session, dir, 'file', GUARDED, wanted)
      assertStatus(result, 'NFS3ERR_PERM', JSON.stringify(wanted))
    }
    assert.deepEqual(await session.names(dir), [])
  })
})
