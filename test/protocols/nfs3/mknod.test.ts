/** RFC 1813 section 3.3.11: MKNOD. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ftype3 } from '../../../src/protocols/nfs3/wire-types.ts'
import { ok, sattr } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, type Session } from '../session.ts'
import { assertStatus } from './expectations.ts'

const share = await serveShare()

const device = (
  session: Session,
  dir: Buffer,
  name: string,
  type: typeof ftype3.NF3CHR | typeof ftype3.NF3BLK,
  spec: { specdata1: number; specdata2: number },
) =>
  session.nfs.mknod({
    where: { dir, name },
    what: { type, dev_attributes: sattr({ mode: 0o660 }), spec },
  })

test('devices keep their numbers', async () => {
  const { session, dir } = await share.workplace()
  for (const type of [ftype3.NF3CHR, ftype3.NF3BLK]) {
    for (const [specdata1, specdata2] of [
      [1, 3],
      [0, 0],
      [0xffffffff, 0xfffffffe],
    ] as const) {
      const spec = { specdata1, specdata2 }
      const result = ok(await device(session, dir, `${type} ${specdata1}`, type, spec))
      const attributes = await session.attributes(result.obj as Buffer)
      assert.deepEqual(result.obj_attributes, attributes)
      assert.deepEqual(attributes.rdev, spec)
      assert.deepEqual([attributes.type, attributes.mode, attributes.size], [type, 0o660, 0])
    }
  }
})

test('only root makes devices: NFS3ERR_PERM', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const spec = { specdata1: 1, specdata2: 3 }
  assertStatus(await device(session, dir, 'device', ftype3.NF3CHR, spec), 'NFS3ERR_PERM')
  assertStatus(await device(session, dir, 'device', ftype3.NF3BLK, spec), 'NFS3ERR_PERM')
  await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO })
  await session.mknod(dir, 'socket', { type: ftype3.NF3SOCK })
  assert.deepEqual(await session.names(dir), ['fifo', 'socket'])
})

test('NFS3ERR_BADTYPE for what other procedures make', async () => {
  const { session, dir } = await share.workplace()
  for (const type of [ftype3.NF3REG, ftype3.NF3DIR, ftype3.NF3LNK]) {
    const result = await session.nfs.mknod({ where: { dir, name: 'new' }, what: { type } })
    assertStatus(result, 'NFS3ERR_BADTYPE')
    assert.deepEqual(result.dir_wcc.after, await session.attributes(dir))
  }
})

test('special files have no content', async () => {
  const { session, dir } = await share.workplace()
  const fifo = await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO })
  const data = Buffer.from('data')
  const write = { file: fifo, offset: 0, count: 4, stable: 2, data } as const
  assertStatus(await session.nfs.write(write), 'NFS3ERR_INVAL')
  assertStatus(await session.nfs.read({ file: fifo, offset: 0, count: 4 }), 'NFS3ERR_INVAL')
  assertStatus(await session.nfs.commit({ file: fifo, offset: 0, count: 0 }), 'NFS3ERR_INVAL')
})

test('special files are renamed, linked and removed as others are', async () => {
  const { session, dir } = await share.workplace()
  const fifo = await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO })
  await session.link(fifo, dir, 'second')
  await session.rename(dir, 'fifo', dir, 'renamed')
  await session.remove(dir, 'second')
  assert.deepEqual(await session.lookup(dir, 'renamed'), fifo)
  assert.equal((await session.attributes(fifo)).nlink, 1)
})
