/** RFC 1813 appendix I: the MOUNT protocol, version 3, and what is left of version 1. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mountstat3 } from '../../../src/protocols/mount3/mount3-types.ts'
import { auth_flavor } from '../../../src/protocols/rpc/rpc-message.ts'
import { Mount3Client, mount3 } from '../../client/mount3-client.ts'
import { nfs3Client, ok } from '../../client/nfs3-client.ts'
import { authNone } from '../../client/rpc-call.ts'
import { nameOf } from '../../client/rpc-error.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, ROOT } from '../session.ts'

const share = await serveShare()
const { session, dir } = await share.workplace()
const rpc = await share.connect()
const mount = new Mount3Client(rpc)
const below = '/export/workplace-1'

await session.mkdir(dir, 'deep')
await session.mkdir(await session.lookup(dir, 'deep'), 'deeper')
await session.create(dir, 'file')
await session.symlink(dir, 'symlink', 'deep')

async function assertRefused(path: string, status: keyof typeof mountstat3): Promise<void> {
  const result = await mount.mnt(path)
  assert.equal(nameOf(mountstat3, result.fhs_status), status, path)
}

describe('MNT', () => {
  test('of a share: its root, and the flavors that are welcome', async () => {
    const result = await mount.mnt('/export')
    assert.equal(result.fhs_status, mountstat3.MNT3_OK)
    assert.deepEqual(result.fhandle, session.root)
    assert.ok(result.fhandle.length <= 64)
    assert.ok(result.auth_flavors.includes(auth_flavor.AUTH_SYS))
    const { obj_attributes } = ok(await nfs3Client(rpc).getattr({ object: result.fhandle }))
    assert.equal(obj_attributes.type, 2)
  })

  test('of a directory below it', async () => {
    assert.deepEqual(await mount.root(below), dir)
    const deeper = await session.lookup(await session.lookup(dir, 'deep'), 'deeper')
    assert.deepEqual(await mount.root(`${below}/deep/deeper`), deeper)
  })

  test('slashes more or less make no difference', async () => {
    for (const path of ['/export/', '//export', '/export//', 'export']) {
      const result = await mount.mnt(path)
      assert.equal(result.fhs_status, mountstat3.MNT3_OK, path)
      assert.deepEqual(result.fhandle, session.root)
    }
  })

  test('MNT3ERR_NOENT for what is not there', async () => {
    for (const path of [
      '',
      '/',
      '/exports',
      '/expor',
      '/exporta',
      '/nowhere',
      `${below}/missing`,
    ]) {
      await assertRefused(path, 'MNT3ERR_NOENT')
    }
  })

  test('MNT3ERR_NOTDIR for what is no directory, symbolic links included', async () => {
    await assertRefused(`${below}/file`, 'MNT3ERR_NOTDIR')
    await assertRefused(`${below}/file/below`, 'MNT3ERR_NOTDIR')
    await assertRefused(`${below}/symlink`, 'MNT3ERR_NOTDIR')
  })

  test('MNT3ERR_NAMETOOLONG for paths and names beyond the limits', async () => {
    await assertRefused(`/export/${'n'.repeat(256)}`, 'MNT3ERR_NAMETOOLONG')
    await assertRefused(`/export${'/x'.repeat(600)}`, 'MNT3ERR_NAMETOOLONG')
    const longest = `/export/${'n'.repeat(200)}`
    await session.mkdir(session.root, 'n'.repeat(200))
    assert.equal((await mount.mnt(longest)).fhs_status, mountstat3.MNT3_OK)
  })

  test('a path longer than any is an error, not a hang', async () => {
    const outcome = await rpc
      .call(mount3.mnt, { dirpath: `/${'x'.repeat(4095)}` })
      .then(({ fhs_status }) => nameOf(mountstat3, fhs_status))
    assert.equal(outcome, 'MNT3ERR_NAMETOOLONG')
    await assert.rejects(
      rpc.call(mount3.mnt, { dirpath: 'x'.repeat(5000) }),
      /over the limit|GARBAGE/,
    )
  })

  test('`..` leads nowhere: there is nothing above a share', async () => {
    for (const path of ['/export/..', '/export/../..', `${below}/../..`, '/../etc']) {
      await assertRefused(path, 'MNT3ERR_NOENT')
    }
  })

  test('any user may ask, and nobody too', async () => {
    for (const user of [ROOT, ALICE]) {
      const { rpc: theirs } = await share.session(user)
      assert.equal((await new Mount3Client(theirs).mnt('/export')).fhs_status, 0)
    }
    assert.equal((await mount.mnt('/export', { credentials: authNone })).fhs_status, 0)
  })

  test('bytes that are no UTF-8 are just other names', async () => {
    await session.mkdir(session.root, '\xff\xfe')
    assert.equal((await mount.mnt('/export/\xff\xfe')).fhs_status, mountstat3.MNT3_OK)
    await assertRefused('/\xff', 'MNT3ERR_NOENT')
    await assertRefused('/export/\xff', 'MNT3ERR_NOENT')
  })
})

describe('the list of mounts', () => {
  const directories = async () => (await mount.dump()).map(({ ml_directory }) => ml_directory)

  test('DUMP says what this client has mounted, once each', async () => {
    await mount.umntall()
    assert.deepEqual(await directories(), [])
    await mount.root('/export')
    await mount.root('/export')
    await mount.root(below)
    assert.deepEqual((await directories()).sort(), ['/export', below])
    const [first] = await mount.dump()
    assert.equal(first?.ml_hostname, '127.0.0.1')
  })

  test('a mount that was refused is not in it', async () => {
    await mount.umntall()
    await assertRefused('/nowhere', 'MNT3ERR_NOENT')
    await assertRefused(`${below}/file`, 'MNT3ERR_NOTDIR')
    assert.deepEqual(await directories(), [])
  })

  test('UMNT takes one out; handles stay good', async () => {
    await mount.root('/export')
    await mount.root(below)
    await mount.umnt('/export')
    assert.deepEqual(await directories(), [below])
    await mount.umnt('/export')
    await mount.umnt('/never mounted')
    assert.deepEqual(await directories(), [below])
    await session.attributes(session.root)
  })

  test('UMNTALL empties it', async () => {
    await mount.root('/export')
    await mount.umntall()
    assert.deepEqual(await directories(), [])
    await mount.umntall()
  })

  test('long paths push older ones out, and the server keeps what is left', async () => {
    const others = Array.from({ length: 100 }, (_, n) => `${'/'.repeat(1016 - n)}export`)
    for (const path of others) await mount.root(path)
    const listed = await directories()
    assert.deepEqual(listed, others.slice(-listed.length))
    const bytes = listed.reduce((sum, path) => sum + path.length, 0)
    assert.ok(bytes <= 32 * 1024 && bytes > 31 * 1024, String(bytes))
    await share.restart()
    const again = new Mount3Client(await share.connect())
    const kept = (await again.dump()).map(({ ml_directory }) => ml_directory)
    assert.deepEqual(kept, listed)
    await again.umntall()
  })

  test('it outlives a crash', async () => {
    await new Mount3Client(await share.connect()).root('/export')
    await share.crash()
    const again = new Mount3Client(await share.connect())
    assert.deepEqual(
      (await again.dump()).map(({ ml_directory }) => ml_directory),
      ['/export'],
    )
    await again.umntall()
    await share.crash()
    assert.deepEqual(await new Mount3Client(await share.connect()).dump(), [])
  })
})

describe('EXPORT', () => {
  test('lists the share, open to all', async () => {
    const again = new Mount3Client(await share.connect())
    assert.deepEqual(await again.export(), [{ ex_dir: '/export', ex_groups: [] }])
  })

  test('a share by another name', async () => {
    const other = await serveShare({ 'share-name': '/srv/data é' })
    const client = new Mount3Client(await other.connect())
    const name = Buffer.from('/srv/data é', 'utf8').toString('latin1')
    assert.deepEqual(await client.export(), [{ ex_dir: name, ex_groups: [] }])
    assert.equal((await client.mnt(name)).fhs_status, mountstat3.MNT3_OK)
    assert.equal((await client.mnt('/srv')).fhs_status, mountstat3.MNT3ERR_NOENT)
    assert.equal((await client.mnt('/export')).fhs_status, mountstat3.MNT3ERR_NOENT)
  })
})

describe('version 1', () => {
  test('unmounts what version 3 has mounted', async () => {
    const client = await share.connect()
    const v3 = new Mount3Client(client)
    await v3.root('/export')
    await client.call({ ...mount3.umnt, version: 1 }, { dirpath: '/export' })
    assert.deepEqual(await v3.dump(), [])
    await v3.root('/export')
    await client.call({ ...mount3.umntall, version: 1 }, {})
    assert.deepEqual(await v3.dump(), [])
  })

  test('lists mounts and exports, and does not mount', async () => {
    const client = await share.connect()
    const v1 = { dump: { ...mount3.dump, version: 1 }, export: { ...mount3.export, version: 1 } }
    assert.deepEqual((await client.call(v1.dump, {})).mountlist, [])
    assert.equal((await client.call(v1.export, {})).exports.length, 1)
    const mnt = { ...mount3.mnt, version: 1 }
    await assert.rejects(client.call(mnt, { dirpath: '/export' }), /PROC_UNAVAIL/)
  })
})
