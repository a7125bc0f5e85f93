/** RFC 1813 section 3.3.2: SETATTR; chmod(2), chown(2), utimensat(2) and truncate(2) behind it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ftype3, time_how } from '../../../src/protocols/nfs3/wire-types.ts'
import { sattr } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, type Session } from '../session.ts'
import { assertStatus, changesBy, type StatusName } from './expectations.ts'

const share = await serveShare()

type Wanted = Parameters<typeof sattr>[0]

const setattr = (session: Session, object: Buffer, wanted: Wanted) =>
  session.nfs.setattr({ object, new_attributes: sattr(wanted), guard: undefined })

async function refuses(
  session: Session,
  object: Buffer,
  wanted: Wanted,
  status: StatusName,
): Promise<void> {
  const before = await session.attributes(object)
  assertStatus(await setattr(session, object, wanted), status)
  assert.deepEqual(await session.attributes(object), before, 'nothing has changed')
}

const at = (seconds: number, nseconds = 0) => ({
  how: time_how.SET_TO_CLIENT_TIME,
  time: { seconds, nseconds },
})
const now = { how: time_how.SET_TO_SERVER_TIME }

describe('mode', () => {
  test('changes with ctime, on every type of object', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const objects = [
      await session.create(dir, 'file'),
      await session.mkdir(dir, 'directory'),
      await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO }),
    ]
    for (const object of objects) {
      const changed = await changesBy(session, object, () => session.set(object, { mode: 0o1751 }))
      assert.deepEqual(changed, ['ctime', 'mode'])
      assert.equal((await session.attributes(object)).mode, 0o1751)
    }
  })

  test('keeps no bits beyond 07777', async () => {
    const { session, dir } = await share.workplace()
    const file = await session.create(dir, 'file')
    await session.set(file, { mode: 0o177777 })
    assert.equal((await session.attributes(file)).mode, 0o7777)
  })

  test('is the owner’s and root’s to change: NFS3ERR_PERM', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { mode: 0o666 })
    await refuses(session.as(BOB), file, { mode: 0o600 }, 'NFS3ERR_PERM')
    await session.as({ uid: 0, gid: 0 }).set(file, { mode: 0o600 })
  })

  test('loses set-group-id when the owner is not in the group', async () => {
    const { session, dir } = await share.workplace()
    const file = await session.create(dir, 'file')
    await session.set(file, { uid: ALICE.uid, gid: 500 })
    await session.as(ALICE).set(file, { mode: 0o2755 })
    assert.equal((await session.attributes(file)).mode, 0o755)
    await session.as({ ...ALICE, gids: [500] }).set(file, { mode: 0o2755 })
    assert.equal((await session.attributes(file)).mode, 0o2755)
  })
})

describe('uid and gid', () => {
  test('root gives files away', async () => {
    const { session, dir } = await share.workplace()
    const file = await session.create(dir, 'file')
    const changed = await changesBy(session, file, () => session.set(file, { uid: 7, gid: 8 }))
    assert.deepEqual(changed, ['ctime', 'gid', 'uid'])
  })

  test('the owner does not: NFS3ERR_PERM', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await refuses(session, file, { uid: BOB.uid }, 'NFS3ERR_PERM')
    await refuses(session, file, { gid: 500 }, 'NFS3ERR_PERM')
    await refuses(session.as(BOB), file, { uid: BOB.uid }, 'NFS3ERR_PERM')
    await refuses(session.as(BOB), file, { gid: BOB.gid }, 'NFS3ERR_PERM')
  })

  test('the owner may choose among its own groups', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    const member = session.as({ ...ALICE, gids: [500, 501] })
    await member.set(file, { gid: 501 })
    await member.set(file, { uid: ALICE.uid })
    const { uid, gid } = await session.attributes(file)
    assert.deepEqual([uid, gid], [ALICE.uid, 501])
  })

  test('a new owner or group ends set-user-id and set-group-id of files (chown(2))', async () => {
    const { session, dir } = await share.workplace()
    for (const wanted of [{ uid: 7 }, { gid: 8 }, { uid: 7, gid: 8 }]) {
      const name = JSON.stringify(wanted)
      const file = await session.create(dir, name)
      await session.set(file, { mode: 0o6755 })
      await session.set(file, wanted)
      assert.equal((await session.attributes(file)).mode, 0o755, name)
    }
    const locking = await session.create(dir, 'set-group-id without execution')
    await session.set(locking, { mode: 0o2644 })
    await session.set(locking, { uid: 7 })
    assert.equal((await session.attributes(locking)).mode, 0o2644)
    const directory = await session.mkdir(dir, 'directory')
    await session.set(directory, { mode: 0o3777 })
    await session.set(directory, { uid: 7 })
    assert.equal((await session.attributes(directory)).mode, 0o3777)
  })
})

describe('size', () => {
  test('cuts a file off, and what is added later is zeros', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'abcdefgh' })
    const shrinking = await changesBy(session, file, () => session.set(file, { size: 3 }))
    assert.deepEqual(shrinking, ['ctime', 'mtime', 'size', 'used'])
    const growing = await changesBy(session, file, () => session.set(file, { size: 6 }))
    assert.deepEqual(growing, ['ctime', 'mtime', 'size'])
    assert.equal((await session.readAll(file)).toString('latin1'), 'abc\0\0\0')
  })

  test('cuts off what was written and not committed', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'sealed' })
    await session.write(file, 4, 'unstable', 0)
    await session.set(file, { size: 6 })
    await session.set(file, { size: 10 })
    assert.equal((await session.readAll(file)).toString('latin1'), 'sealun\0\0\0\0')
    await session.commit(file)
    assert.equal((await session.readAll(file)).toString('latin1'), 'sealun\0\0\0\0')
  })

  test('the same size still marks mtime and ctime (POSIX truncate)', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'abc' })
    const changed = await changesBy(session, file, () => session.set(file, { size: 3 }))
    assert.deepEqual(changed, ['ctime', 'mtime'])
  })

  test('needs permission to write, or ownership: NFS3ERR_ACCES', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { mode: 0o444, data: 'abc' })
    await refuses(session.as(BOB), file, { size: 0 }, 'NFS3ERR_ACCES')
    await session.set(file, { size: 1 })
    await session.set(file, { mode: 0o446 })
    await session.as(BOB).set(file, { size: 0 })
  })

  test('is of regular files only: NFS3ERR_ISDIR, NFS3ERR_INVAL', async () => {
    const { session, dir } = await share.workplace()
    await refuses(session, dir, { size: 0 }, 'NFS3ERR_ISDIR')
    const fifo = await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO })
    await refuses(session, fifo, { size: 0 }, 'NFS3ERR_INVAL')
    const symlink = await session.symlink(dir, 'symlink', 'target')
    await refuses(session, symlink, { size: 0 }, 'NFS3ERR_INVAL')
  })

  test('NFS3ERR_FBIG above what FSINFO says', async () => {
    const { session, dir } = await share.workplace()
    const file = await session.create(dir, 'file')
    await refuses(session, file, { size: 2 ** 63 }, 'NFS3ERR_FBIG')
    await session.set(file, { size: Number.MAX_SAFE_INTEGER })
    assert.equal((await session.attributes(file)).size, Number.MAX_SAFE_INTEGER)
  })

  test('by somebody who is not root ends set-user-id and set-group-id', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'abc' })
    await session.set(file, { mode: 0o6777 })
    await session.as(BOB).set(file, { size: 1 })
    assert.equal((await session.attributes(file)).mode, 0o777)
    await session.set(file, { mode: 0o6777 })
    await session.as({ uid: 0, gid: 0 }).set(file, { size: 0 })
    assert.equal((await session.attributes(file)).mode, 0o6777)
  })
})

describe('times', () => {
  test('are set to the nanosecond; ctime is the server’s', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    const wanted = { atime: at(1, 2), mtime: at(2 ** 32 - 1, 999_999_999) }
    const changed = await changesBy(session, file, () => session.set(file, { atime: wanted.atime }))
    assert.deepEqual(changed, ['atime', 'ctime'])
    await session.set(file, wanted)
    const { atime, mtime, ctime } = await session.attributes(file)
    assert.deepEqual([atime, mtime], [wanted.atime.time, wanted.mtime.time])
    assert.ok(ctime.seconds > 1_700_000_000 && ctime.seconds < 2 ** 32 - 1)
  })

  test('the server’s time is the moment of the call', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await session.set(file, { atime: at(1), mtime: at(1) })
    await session.set(file, { atime: now, mtime: now })
    const { atime, mtime, ctime } = await session.attributes(file)
    assert.deepEqual([atime, mtime], [ctime, ctime])
  })

  test('an mtime that is set outlives the commit of what was written before it', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await session.write(file, 0, 'unstable', 0)
    await session.set(file, { mtime: at(1000) })
    await session.commit(file)
    assert.deepEqual((await session.attributes(file)).mtime, { seconds: 1000, nseconds: 0 })
    await session.write(file, 0, 'more')
    assert.notEqual((await session.attributes(file)).mtime.seconds, 1000)
  })

  test('of somebody else: only now, and only with permission to write', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { mode: 0o644 })
    const other = session.as(BOB)
    await refuses(other, file, { atime: now, mtime: now }, 'NFS3ERR_ACCES')
    await session.set(file, { mode: 0o646 })
    await other.set(file, { atime: now, mtime: now })
    await refuses(other, file, { atime: at(1), mtime: at(1) }, 'NFS3ERR_PERM')
    await refuses(other, file, { mtime: at(1) }, 'NFS3ERR_PERM')
  })

  test('a nanosecond count of a second or more is NFS3ERR_INVAL (POSIX utimensat)', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await refuses(session, file, { mtime: at(1, 1_000_000_000) }, 'NFS3ERR_INVAL')
    await refuses(session, file, { atime: at(1, 2 ** 32 - 1) }, 'NFS3ERR_INVAL')
  })
})

describe('the guard', () => {
  test('lets a change through only when ctime is as expected: NFS3ERR_NOT_SYNC', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    const { ctime } = await session.attributes(file)
    const guarded = (guard: { seconds: number; nseconds: number }) =>
      session.nfs.setattr({ object: file, new_attributes: sattr({ mode: 0o600 }), guard })
    for (const guard of [
      { ...ctime, nseconds: (ctime.nseconds + 1) % 1e9 },
      { ...ctime, seconds: ctime.seconds + 1 },
      { seconds: 0, nseconds: 0 },
    ]) {
      const result = await guarded(guard)
      assertStatus(result, 'NFS3ERR_NOT_SYNC')
      assert.deepEqual(result.obj_wcc.after, await session.attributes(file))
    }
    assertStatus(await guarded(ctime), 'NFS3_OK')
    assertStatus(await guarded(ctime), 'NFS3ERR_NOT_SYNC', 'the second time')
  })

  test('compares with what the client saw, unstable writes included', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await session.write(file, 0, 'unstable', 0)
    const guard = (await session.attributes(file)).ctime
    const args = { object: file, new_attributes: sattr({ size: 2 }), guard }
    assertStatus(await session.nfs.setattr(args), 'NFS3_OK')
    assert.equal((await session.readAll(file)).toString(), 'un')
  })
})

test('all at once, or nothing at all', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file', { data: 'content' })
  await refuses(session, file, { mode: 0o600, size: 1, uid: BOB.uid }, 'NFS3ERR_PERM')
  await session.set(file, { mode: 0o600, size: 1, mtime: at(5), gid: ALICE.gid })
  const { mode, size, mtime } = await session.attributes(file)
  assert.deepEqual({ mode, size, mtime }, { mode: 0o600, size: 1, mtime: at(5).time })
})
