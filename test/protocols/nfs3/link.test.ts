/** RFC 1813 section 3.3.15: LINK. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ftype3 } from '../../../src/protocols/nfs3/wire-types.ts'
import { ok } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, type Session } from '../session.ts'
import { assertStatus, changesBy, withTrueWcc } from './expectations.ts'

const share = await serveShare()

const link = (session: Session, file: Buffer, dir: Buffer, name: string) =>
  session.nfs.link({ file, link: { dir, name } })

test('a second name for the same object, as good as the first', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const other = await session.mkdir(dir, 'other')
  const file = await session.create(dir, 'first', { data: 'content' })
  const result = await withTrueWcc(
    session,
    other,
    () => link(session, file, other, 'second'),
    ({ linkdir_wcc }) => linkdir_wcc,
  )
  assertStatus(result, 'NFS3_OK')
  assert.deepEqual(result.file_attributes, await session.attributes(file))
  assert.equal(result.file_attributes.nlink, 2)
  assert.deepEqual(await session.lookup(other, 'second'), file)
  await session.remove(dir, 'first')
  assert.equal((await session.readAll(await session.lookup(other, 'second'))).toString(), 'content')
  assert.equal((await session.attributes(file)).nlink, 1)
})

test('the object’s ctime and the directory’s times change', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'first')
  assert.deepEqual(await changesBy(session, file, () => link(session, file, dir, 'second')), [
    'ctime',
    'nlink',
  ])
  assert.deepEqual(await changesBy(session, dir, () => link(session, file, dir, 'third')), [
    'ctime',
    'mtime',
  ])
})

test('names come and go in any order, and the last one counts', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const other = await session.mkdir(dir, 'other')
  const file = await session.create(dir, 'name 0', { data: 'content' })
  for (let i = 1; i < 12; i++) await session.link(file, i % 2 === 0 ? dir : other, `name ${i}`)
  for (const i of [0, 11, 5, 2, 1, 4, 3, 10, 8, 6, 9]) {
    await session.remove(i % 2 === 0 ? dir : other, `name ${i}`)
    await session.rename(other, 'name 7', other, 'name 7')
  }
  await session.rename(other, 'name 7', dir, 'last')
  assert.equal((await session.attributes(file)).nlink, 1)
  assert.equal((await session.readAll(file)).toString(), 'content')
  assert.deepEqual((await session.names(dir)).sort(), ['last', 'other'])
  await session.remove(dir, 'last')
  assertStatus(await session.nfs.getattr({ object: file }), 'NFS3ERR_STALE')
})

test('symbolic links and special files have several names too', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const symlink = await session.symlink(dir, 'symlink', 'target')
  const fifo = await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO })
  for (const [i, object] of [symlink, fifo].entries()) {
    await session.link(object, dir, `second ${i}`)
    assert.deepEqual(await session.lookup(dir, `second ${i}`), object)
  }
})

describe('errors', () => {
  test('directories have one name', async () => {
    const { session, dir } = await share.workplace()
    const inner = await session.mkdir(dir, 'inner')
    assertStatus(await link(session, inner, dir, 'second'), 'NFS3ERR_ISDIR')
    assert.equal((await session.attributes(inner)).nlink, 2)
  })

  test('NFS3ERR_EXIST leaves everything as it was', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await session.mkdir(dir, 'directory')
    for (const name of ['file', 'directory', '.', '..']) {
      const result = await withTrueWcc(
        session,
        dir,
        () => link(session, file, dir, name),
        ({ linkdir_wcc }) => linkdir_wcc,
      )
      assertStatus(result, 'NFS3ERR_EXIST', name)
    }
    assert.equal((await session.attributes(file)).nlink, 1)
  })

  test('NFS3ERR_NOTDIR, NFS3ERR_ACCES, NFS3ERR_NAMETOOLONG, NFS3ERR_INVAL', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    const closed = await session.mkdir(dir, 'closed', 0o755)
    assertStatus(await link(session, file, file, 'name'), 'NFS3ERR_NOTDIR')
    assertStatus(await link(session.as(BOB), file, closed, 'name'), 'NFS3ERR_ACCES')
    assertStatus(await link(session, file, dir, 'n'.repeat(256)), 'NFS3ERR_NAMETOOLONG')
    assertStatus(await link(session, file, dir, 'a/b'), 'NFS3ERR_INVAL')
    assertStatus(await link(session, file, dir, ''), 'NFS3ERR_ACCES')
  })

  test('NFS3ERR_MLINK at linkmax of PATHCONF', async () => {
    const { session, dir } = await share.workplace()
    const { linkmax } = ok(await session.nfs.pathconf({ object: dir }))
    const file = await session.create(dir, 'first')
    const BATCH = 2000
    for (let made = 1; made < linkmax; made += BATCH) {
      const count = Math.min(BATCH, linkmax - made)
      const names = Array.from({ length: count }, (_, i) => `${made + i}`)
      await Promise.all(names.map((name) => session.link(file, dir, name)))
    }
    assert.equal((await session.attributes(file)).nlink, linkmax)
    const refused = await link(session, file, dir, 'one too many')
    assertStatus(refused, 'NFS3ERR_MLINK')
    assert.equal(refused.file_attributes?.nlink, linkmax)
    await session.remove(dir, 'first')
    await session.link(file, dir, 'one again')
  })
})
