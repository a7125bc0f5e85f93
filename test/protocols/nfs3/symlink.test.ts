/** RFC 1813 sections 3.3.10 and 3.3.5: SYMLINK and READLINK. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, sattr } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, type Session } from '../session.ts'
import { assertStatus, changesBy } from './expectations.ts'

const share = await serveShare()

const target = async (session: Session, symlink: Buffer): Promise<string> =>
  ok(await session.nfs.readlink({ symlink })).data

test('holds any bytes, and its size is their number', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const any = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).join('')
  for (const [i, text] of ['a', '/', '../..', 'a//b/', '.', any, 'x'.repeat(4095)].entries()) {
    const symlink = await session.symlink(dir, `symlink ${i}`, text)
    assert.equal(await target(session, symlink), text)
    assert.equal((await session.attributes(symlink)).size, text.length)
  }
})

test('READLINK comes with the attributes', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const symlink = await session.symlink(dir, 'symlink', 'target')
  await target(session, symlink)
  const result = ok(await session.nfs.readlink({ symlink }))
  assert.deepEqual(result.symlink_attributes, await session.attributes(symlink))
})

test('anybody who has the handle may read it: its mode is 0777', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const where = { dir, name: 'symlink' }
  const symlink = { symlink_attributes: sattr({ mode: 0o600 }), symlink_data: 'target' }
  const obj = ok(await session.nfs.symlink({ where, symlink })).obj as Buffer
  assert.equal((await session.attributes(obj)).mode, 0o777)
  assert.equal(await target(session.as(BOB), obj), 'target')
})

test('reading it for the first time marks its access time (POSIX readlink)', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const symlink = await session.symlink(dir, 'symlink', 'target')
  assert.deepEqual(await changesBy(session, symlink, () => target(session, symlink)), ['atime'])
})

test('NFS3ERR_INVAL for what is no symbolic link', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file')
  for (const symlink of [file, dir]) {
    const result = await session.nfs.readlink({ symlink })
    assertStatus(result, 'NFS3ERR_INVAL')
    assert.deepEqual(result.symlink_attributes, await session.attributes(symlink))
  }
})

test('targets that no path can be are refused', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const make = (symlink_data: string) =>
    session.nfs.symlink({
      where: { dir, name: 'symlink' },
      symlink: { symlink_attributes: sattr(), symlink_data },
    })
  assertStatus(await make('a\0b'), 'NFS3ERR_INVAL')
  assertStatus(await make('x'.repeat(4096)), 'NFS3ERR_NAMETOOLONG')
  assert.notEqual((await make('')).status, 0)
  assert.deepEqual(await session.names(dir), [])
})
