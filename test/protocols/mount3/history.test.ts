/** MNT of what lies below `.history`: a past moment, mounted by itself. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mountstat3 } from '../../../src/protocols/mount3/mount3-types.ts'
import { nfsstat3 } from '../../../src/protocols/nfs3/wire-types.ts'
import { Mount3Client } from '../../client/mount3-client.ts'
import { ok } from '../../client/nfs3-client.ts'
import { nameOf } from '../../client/rpc-error.ts'
import { serveShare } from '../served-share.ts'

const share = await serveShare()

describe('MNT below `.history`', () => {
  const label = async (name: string) => {
    const path = `/v1/shares/%2Fexport/labels/${name}`
    await share.server.administer('PUT', path, { moment: 'now' })
  }

  test('leads into the past as LOOKUP does, and its handles outlive a crash', async () => {
    const { session, dir } = await share.workplace()
    const place = (await session.names(session.root)).at(-1) as string
    const then = await session.mkdir(dir, 'then')
    await session.create(then, 'file', { data: 'as it was' })
    await label('before')
    await session.rename(dir, 'then', dir, 'now')
    await session.remove(then, 'file')

    const history = await session.lookup(session.root, '.history')
    const root = await session.lookup(history, 'before')
    const past = await session.lookup(await session.lookup(root, place), 'then')
    const client = new Mount3Client(await share.connect())
    assert.deepEqual(await client.root('/export/.history'), history)
    assert.deepEqual(await client.root('/export/.history/before'), root)
    const mounted = await client.root(`/export/.history/before/${place}/then`)
    assert.deepEqual(mounted, past)
    const { ctime } = await session.attributes(past)
    const second = new Date((ctime.seconds + 1) * 1000).toISOString().slice(0, 19)
    const byTime = await client.root(`/export//.history/${second}Z/`)
    assert.equal((await session.attributes(byTime)).type, 2)
    const listed = (await client.dump()).map(({ ml_directory }) => ml_directory)
    assert.ok(listed.includes(`/export/.history/before/${place}/then`))

    await share.crash()
    const again = await share.session()
    const file = await again.lookup(mounted, 'file')
    assert.equal((await again.readAll(file)).toString(), 'as it was')
    const anew = new Mount3Client(await share.connect())
    assert.deepEqual(await anew.root(`/export/.history/before/${place}/then`), past)
  })

  test('says what is wrong with a path', async () => {
    const { session, dir } = await share.workplace()
    const place = (await session.names(session.root)).at(-1) as string
    await session.create(dir, 'file')
    await label('with-file')
    const client = new Mount3Client(await share.connect())
    const at = `/export/.history/with-file/${place}`
    for (const [path, status] of [
      ['/export/.history/no-label', 'MNT3ERR_NOENT'],
      ['/export/.history/2026-02-30', 'MNT3ERR_NOENT'],
      ['/export/.history/1999-01-01', 'MNT3ERR_NOENT'],
      ['/export/.history/@0', 'MNT3ERR_NOENT'],
      ['/export/.history/@999999999', 'MNT3ERR_NOENT'],
      ['/export/.history/\xff\xfe', 'MNT3ERR_NOENT'],
      ['/export/.history/..', 'MNT3ERR_NOENT'],
      [`${at}/..`, 'MNT3ERR_NOENT'],
      [`${at}/missing`, 'MNT3ERR_NOENT'],
      ['/export/.history/with-file/.history', 'MNT3ERR_NOENT'],
      [`/export/${place}/.history`, 'MNT3ERR_NOENT'],
      [`${at}/file`, 'MNT3ERR_NOTDIR'],
      [`${at}/file/below`, 'MNT3ERR_NOTDIR'],
      [`/export/.history/${'m'.repeat(256)}`, 'MNT3ERR_NAMETOOLONG'],
      [`${at}/${'n'.repeat(256)}`, 'MNT3ERR_NAMETOOLONG'],
    ] as const) {
      assert.equal(nameOf(mountstat3, (await client.mnt(path)).fhs_status), status, path)
    }
    const mounted = (await client.dump()).map(({ ml_directory }) => ml_directory)
    assert.ok(!mounted.some((path) => path.includes('/missing')))
  })

  test('is as closed as the share, and gone where history is off', async () => {
    await label('closed')
    const client = new Mount3Client(await share.connect())
    const path = '/export/.history/closed'
    const root = await client.root(path)
    const { nfs } = await share.session()
    const outcome = async () => nameOf(mountstat3, (await client.mnt(path)).fhs_status)
    try {
      await share.edit({ allow: ['192.0.2.0/24'] })
      assert.equal(await outcome(), 'MNT3ERR_ACCES')
      await share.edit({ allow: [], history: 'off' })
      assert.equal(await outcome(), 'MNT3ERR_NOENT')
      const { status } = await nfs.getattr({ object: root })
      assert.equal(nameOf(nfsstat3, status), 'NFS3ERR_STALE', 'a handle of when it was on')
    } finally {
      await share.edit({ allow: [], history: 'hidden' })
    }
    assert.equal(await outcome(), 'MNT3_OK')
    ok(await nfs.getattr({ object: root }))
  })
})
