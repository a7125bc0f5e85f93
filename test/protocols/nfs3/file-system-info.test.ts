/**
 * RFC 1813 sections 3.3.18 to 3.3.20: FSSTAT, FSINFO and PATHCONF, true to what the server does.
 */
import assert from 'node:assert/strict'
import { statfsSync } from 'node:fs'
import { describe, test } from 'node:test'
import { FSF3 } from '../../../src/protocols/nfs3/procedures/fsinfo.ts'
import { ok } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import { ALICE } from '../session.ts'
import { assertStatus } from './expectations.ts'

const share = await serveShare()

describe('FSINFO', () => {
  test('transfers of rtmax and wtmax work, and the preferred ones lie within', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const info = ok(await session.nfs.fsinfo({ fsroot: session.root }))
    const { rtmax, rtpref, rtmult, wtmax, wtpref, wtmult, dtpref } = info
    assert.ok(rtpref <= rtmax && wtpref <= wtmax)
    assert.ok([rtmax, rtpref].every((size) => size % rtmult === 0))
    assert.ok([wtmax, wtpref].every((size) => size % wtmult === 0))
    const file = await session.create(dir, 'file')
    await session.write(file, 0, Buffer.alloc(wtmax, 1))
    assert.equal((await session.read(file, 0, rtmax)).length, rtmax)
    const list = { dir, cookie: 0, cookieverf: Buffer.alloc(8), count: dtpref }
    assertStatus(await session.nfs.readdir(list), 'NFS3_OK')
  })

  test('times are as fine as time_delta', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const { time_delta } = ok(await session.nfs.fsinfo({ fsroot: session.root }))
    assert.deepEqual(time_delta, { seconds: 0, nseconds: 1 })
    const file = await session.create(dir, 'file')
    const time = { seconds: 123, nseconds: 456_789_123 }
    await session.set(file, { mtime: { how: 2, time } })
    assert.deepEqual((await session.attributes(file)).mtime, time)
  })

  test('says: hard and symbolic links, one PATHCONF, times that can be set', async () => {
    const { session } = await share.workplace()
    const { properties } = ok(await session.nfs.fsinfo({ fsroot: session.root }))
    assert.equal(properties, FSF3.LINK | FSF3.SYMLINK | FSF3.HOMOGENEOUS | FSF3.CANSETTIME)
  })
})

describe('FSSTAT', () => {
  test('lies within the disk below', async () => {
    const { session } = await share.workplace()
    const { tbytes, fbytes, abytes, tfiles, ffiles, afiles } = ok(
      await session.nfs.fsstat({ fsroot: session.root }),
    )
    const disk = statfsSync(share.data)
    assert.ok(tbytes <= disk.blocks * disk.bsize)
    assert.ok(abytes <= fbytes && fbytes <= tbytes)
    assert.ok(afiles <= ffiles && ffiles <= tfiles)
    assert.ok(abytes > 0 && afiles > 0)
  })

  test('counts files', async () => {
    const { session, dir } = await share.workplace()
    const used = async () => {
      const { tfiles, ffiles } = ok(await session.nfs.fsstat({ fsroot: dir }))
      return tfiles - ffiles
    }
    const before = await used()
    for (let i = 0; i < 10; i++) await session.create(dir, `file ${i}`)
    assert.equal((await used()) - before, 10)
    for (let i = 0; i < 10; i++) await session.remove(dir, `file ${i}`)
    assert.equal(await used(), before)
  })
})

describe('PATHCONF', () => {
  test('what it says is what happens', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const conf = ok(await session.nfs.pathconf({ object: dir }))
    assert.equal(conf.name_max, 255)
    assert.deepEqual(
      [conf.no_trunc, conf.chown_restricted, conf.case_insensitive, conf.case_preserving],
      [true, true, false, true],
    )
    await session.create(dir, 'n'.repeat(conf.name_max))
    await session.create(dir, 'Name')
    assert.equal(await session.exists(dir, 'name'), false)
  })
})

test('each brings the attributes of what it was asked about', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file')
  for (const handle of [dir, file, session.root]) {
    const attributes = await session.attributes(handle)
    const { nfs } = session
    assert.deepEqual(ok(await nfs.fsinfo({ fsroot: handle })).obj_attributes, attributes)
    assert.deepEqual(ok(await nfs.fsstat({ fsroot: handle })).obj_attributes, attributes)
    assert.deepEqual(ok(await nfs.pathconf({ object: handle })).obj_attributes, attributes)
  }
})

test('all objects of a share have one fsid, and numbers of their own', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const handles = [
    dir,
    session.root,
    await session.create(dir, 'file'),
    await session.mkdir(dir, 'directory'),
    await session.symlink(dir, 'symlink', 'target'),
  ]
  const all = await Promise.all(handles.map((handle) => session.attributes(handle)))
  assert.equal(new Set(all.map(({ fsid }) => fsid)).size, 1)
  assert.equal(new Set(all.map(({ fileid }) => fileid)).size, handles.length)
})
