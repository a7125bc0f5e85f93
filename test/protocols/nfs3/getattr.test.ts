/** RFC 1813 section 3.3.1: GETATTR. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ftype3 } from '../../../src/protocols/nfs3/wire-types.ts'
import { serveShare } from '../served-share.ts'
import { ALICE } from '../session.ts'
import { assertStatus, compareTimes } from './expectations.ts'

const share = await serveShare()

test('a new file has what it was created with, and times of now', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file', { mode: 0o640 })
  const parent = await session.attributes(dir)
  const { atime, mtime, ctime, fileid, fsid, ...rest } = await session.attributes(file)
  assert.deepEqual(rest, {
    type: ftype3.NF3REG,
    mode: 0o640,
    nlink: 1,
    uid: ALICE.uid,
    gid: ALICE.gid,
    size: 0,
    used: 0,
    rdev: { specdata1: 0, specdata2: 0 },
  })
  assert.equal(fsid, parent.fsid)
  assert.notEqual(fileid, parent.fileid)
  assert.deepEqual([atime, mtime], [ctime, ctime])
  assert.deepEqual(parent.mtime, mtime, 'the directory changed at the same moment')
  assert.ok(Math.abs(ctime.seconds - Date.now() / 1000) < 60)
})

test('each type says what it is', async () => {
  const { session, dir } = await share.workplace()
  const handles = [
    await session.create(dir, 'file'),
    await session.mkdir(dir, 'directory'),
    await session.symlink(dir, 'symlink', 'somewhere'),
    await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO }),
    await session.mknod(dir, 'socket', { type: ftype3.NF3SOCK }),
  ]
  const types = await Promise.all(handles.map(async (h) => (await session.attributes(h)).type))
  const { NF3REG, NF3DIR, NF3LNK, NF3FIFO, NF3SOCK } = ftype3
  assert.deepEqual(types, [NF3REG, NF3DIR, NF3LNK, NF3FIFO, NF3SOCK])
})

test('no permission is needed', async () => {
  const { session, dir } = await share.workplace()
  const file = await session.create(dir, 'file', { mode: 0 })
  await session.set(dir, { mode: 0 })
  assert.equal((await session.as(ALICE).attributes(file)).mode, 0)
})

test('used is what is stored, and size where the file ends', async () => {
  const { session, dir } = await share.workplace()
  const file = await session.create(dir, 'file')
  await session.set(file, { size: 1 << 20 })
  const hole = await session.attributes(file)
  assert.equal(hole.size, 1 << 20)
  assert.equal(hole.used, 0)
  await session.write(file, 4096, Buffer.alloc(8192, 1))
  const { used } = await session.attributes(file)
  assert.ok(used >= 8192 && used < 1 << 20, `${used} bytes used`)
})

test('times never stand still: each change has a later ctime', async () => {
  const { session, dir } = await share.workplace()
  const file = await session.create(dir, 'file')
  let last = (await session.attributes(file)).ctime
  for (let i = 0; i < 50; i++) {
    await session.set(file, { mode: 0o600 + (i % 8) })
    const { ctime } = await session.attributes(file)
    assert.ok(compareTimes(ctime, last) > 0)
    last = ctime
  }
})

test('a removed file is stale, and one that takes its name is another', async () => {
  const { session, dir } = await share.workplace()
  const old = await session.create(dir, 'file')
  await session.remove(dir, 'file')
  const young = await session.create(dir, 'file')
  assertStatus(await session.nfs.getattr({ object: old }), 'NFS3ERR_STALE')
  assert.notDeepEqual(old, young)
  assert.ok((await session.attributes(young)).nlink === 1)
})
