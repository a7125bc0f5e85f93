/** RFC 1813 section 3.3.3: LOOKUP, and section 3.2: what names may be. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ok } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import { ALICE } from '../session.ts'
import { assertStatus } from './expectations.ts'

const share = await serveShare()

test('returns the handle and the attributes of both', async () => {
  const { session, dir } = await share.workplace()
  const file = await session.create(dir, 'file', { data: 'content' })
  const result = ok(await session.nfs.lookup({ what: { dir, name: 'file' } }))
  assert.deepEqual(result.object, file)
  assert.deepEqual(result.obj_attributes, await session.attributes(file))
  assert.deepEqual(result.dir_attributes, await session.attributes(dir))
})

test('`.` is the directory and `..` its parent; of the root its own', async () => {
  const { session, dir } = await share.workplace()
  const inner = await session.mkdir(dir, 'inner')
  assert.deepEqual(await session.lookup(inner, '.'), inner)
  assert.deepEqual(await session.lookup(inner, '..'), dir)
  assert.deepEqual(await session.lookup(dir, '..'), session.root)
  assert.deepEqual(await session.lookup(session.root, '..'), session.root)
})

test('`..` follows a directory that moves', async () => {
  const { session, dir } = await share.workplace()
  const [here, there] = [await session.mkdir(dir, 'here'), await session.mkdir(dir, 'there')]
  const moving = await session.mkdir(here, 'moving')
  await session.rename(here, 'moving', there, 'moved')
  assert.deepEqual(await session.lookup(moving, '..'), there)
})

describe('errors', () => {
  test('NFS3ERR_NOENT, with the attributes of the directory', async () => {
    const { session, dir } = await share.workplace()
    const result = await session.nfs.lookup({ what: { dir, name: 'missing' } })
    assertStatus(result, 'NFS3ERR_NOENT')
    assert.deepEqual(result.dir_attributes, await session.attributes(dir))
  })

  test('NFS3ERR_NOTDIR in what is no directory', async () => {
    const { session, dir } = await share.workplace()
    const file = await session.create(dir, 'file')
    const symlink = await session.symlink(dir, 'symlink', '.')
    for (const handle of [file, symlink]) {
      for (const name of ['name', '.', '..']) {
        const result = await session.nfs.lookup({ what: { dir: handle, name } })
        assertStatus(result, 'NFS3ERR_NOTDIR', name)
      }
    }
  })

  test('NFS3ERR_ACCES without permission to search', async () => {
    const { session, dir } = await share.workplace()
    const inner = await session.mkdir(dir, 'inner', 0o766)
    await session.create(inner, 'file')
    for (const name of ['file', 'missing', '.', '..']) {
      const result = await session.as(ALICE).nfs.lookup({ what: { dir: inner, name } })
      assertStatus(result, 'NFS3ERR_ACCES', name)
    }
  })

  test('NFS3ERR_NAMETOOLONG above 255 bytes', async () => {
    const { session, dir } = await share.workplace()
    await session.create(dir, 'n'.repeat(255))
    await session.lookup(dir, 'n'.repeat(255))
    for (const length of [256, 257, 1024, 4096]) {
      const result = await session.nfs.lookup({ what: { dir, name: 'n'.repeat(length) } })
      assertStatus(result, 'NFS3ERR_NAMETOOLONG', String(length))
    }
  })

  test('NFS3ERR_ACCES for the empty name (section 3.2)', async () => {
    const { session, dir } = await share.workplace()
    assertStatus(await session.nfs.lookup({ what: { dir, name: '' } }), 'NFS3ERR_ACCES')
  })

  test('a name with a slash or a NUL in it is never there', async () => {
    const { session, dir } = await share.workplace()
    const inner = await session.mkdir(dir, 'inner')
    await session.create(inner, 'file')
    for (const name of ['inner/file', '/', 'inner/', 'inner\0', '\0']) {
      const { status } = await session.nfs.lookup({ what: { dir, name } })
      assert.notEqual(status, 0, JSON.stringify(name))
    }
  })
})

describe('names', () => {
  test('are any bytes but the slash and NUL, and come back as they were', async () => {
    const { session, dir } = await share.workplace()
    const names: string[] = []
    for (let byte = 1; byte < 256; byte++) {
      const character = String.fromCharCode(byte)
      if (character !== '/')
        names.push(`${character}`, `a${character}`, `${character}${character}z`)
    }
    const possible = names.filter((name) => name !== '.')
    await Promise.all(possible.map((name) => session.create(dir, name)))
    const listed = await session.names(dir)
    assert.deepEqual(listed.sort(), [...new Set(possible)].sort())
    for (const name of possible) assert.ok(await session.exists(dir, name), JSON.stringify(name))
  })

  test('differ in case and in how Unicode composes them', async () => {
    const { session, dir } = await share.workplace()
    const bytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1')
    const names = ['name', 'Name', 'NAME', bytes('é'), bytes('e\u0301'), ' name', 'name ', '...']
    for (const name of names) await session.create(dir, name)
    const handles = await Promise.all(names.map((name) => session.lookup(dir, name)))
    assert.equal(new Set(handles.map((handle) => handle.toString('hex'))).size, names.length)
  })

  test('paths are as deep as anybody likes', async () => {
    const { session, dir } = await share.workplace()
    const depth = 300
    let at = dir
    for (let i = 0; i < depth; i++) at = await session.mkdir(at, 'd'.repeat(200))
    await session.create(at, 'bottom', { data: 'deep' })
    let back = at
    for (let i = 0; i < depth; i++) back = await session.lookup(back, '..')
    assert.deepEqual(back, dir)
  })
})
