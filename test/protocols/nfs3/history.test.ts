/** `.history`: a share as it was, at any moment, as a client walks through it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type fattr3, nfsstat3, type wcc_data } from '../../../src/protocols/nfs3/wire-types.ts'
import { listDirectory, ok, sattr } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import { ROOT, type Session } from '../session.ts'

const share = await serveShare()

/** The time of an object's last change, as `.history` takes it. */
async function changeTime(session: Session, object: Buffer): Promise<string> {
  const { ctime } = await session.attributes(object)
  const date = new Date(ctime.seconds * 1000).toISOString().slice(0, 19)
  return `${date}.${String(ctime.nseconds).padStart(9, '0')}Z`
}

const label = (name: string, moment = 'now') =>
  share.server.administer('PUT', `/v1/shares/%2Fexport/labels/${name}`, { moment })

const unlabel = (name: string) =>
  share.server.administer('DELETE', `/v1/shares/%2Fexport/labels/${name}`)

async function rootAt(session: Session, moment: string): Promise<Buffer> {
  const history = await session.lookup(session.root, '.history')
  return session.lookup(history, moment)
}

async function walk(session: Session, from: Buffer, path: string): Promise<Buffer> {
  let at = from
  for (const name of path.split('/')) at = await session.lookup(at, name)
  return at
}

const isStatus = (status: number, name: keyof typeof nfsstat3) =>
  assert.equal(status, nfsstat3[name])

describe('.history', () => {
  test('is found by name and not listed', async () => {
    const session = await share.session()
    const history = await session.lookup(session.root, '.history')
    const { mode, type } = await session.attributes(history)
    assert.deepEqual([type, mode], [2, 0o555])
    assert.ok(!(await session.names(session.root)).includes('.history'))
    assert.deepEqual(await session.lookup(history, '..'), session.root)
  })

  test('a moment shows names, content and attributes as they were', async () => {
    const { session, dir } = await share.workplace()
    const place = (await session.names(session.root)).at(-1) as string
    const first = randomBytes(150_000)
    const file = await session.create(dir, 'report', { data: first })
    const sub = await session.mkdir(dir, 'sub')
    await session.create(sub, 'inner', { data: 'inner' })
    await session.symlink(dir, 'link', 'sub/inner')
    const before = await changeTime(session, dir)

    await session.write(file, 1000, Buffer.alloc(5000, 7))
    await session.set(file, { mode: 0o600, size: 2000 })
    await session.rename(dir, 'sub', dir, 'moved')
    await session.remove(dir, 'link')
    await session.create(dir, 'later')

    const past = await walk(session, await rootAt(session, before), place)
    assert.deepEqual(await session.names(past), ['report', 'sub', 'link'])
    const old = await session.lookup(past, 'report')
    assert.deepEqual(await session.readAll(old), first)
    const { mode, size, fsid } = await session.attributes(old)
    assert.deepEqual([mode, size], [0o644, 150_000])
    assert.notEqual(fsid, (await session.attributes(file)).fsid)
    assert.deepEqual(
      await session.readAll(await walk(session, past, 'sub/inner')),
      Buffer.from('inner'),
    )
    assert.deepEqual(await session.names(dir), ['report', 'moved', 'later'])
    const root = await rootAt(session, before)
    const up = await session.lookup(root, '..')
    assert.deepEqual(up, await session.lookup(session.root, '.history'))
  })

  test('every write is a moment of its own, and handles of it survive a crash', async () => {
    const { session, dir } = await share.workplace()
    const place = (await session.names(session.root)).at(-1) as string
    const file = await session.create(dir, 'log')
    const moments: { moment: string; text: string }[] = []
    for (let i = 0; i < 12; i++) {
      const text = `version ${i} `.repeat(i * 400 + 1)
      await session.set(file, { size: 0 })
      await session.write(file, 0, text)
      moments.push({ moment: await changeTime(session, file), text })
    }
    await session.remove(dir, 'log')
    const handles: Buffer[] = []
    for (const { moment, text } of moments) {
      const old = await walk(session, await rootAt(session, moment), `${place}/log`)
      assert.equal((await session.readAll(old)).toString(), text, moment)
      handles.push(old)
    }
    await share.crash()
    const again = await share.session()
    for (const [i, handle] of handles.entries()) {
      assert.equal((await again.readAll(handle)).toString(), moments[i]?.text)
    }
  })

  test('nothing in it can be changed', async () => {
    const { session, dir } = await share.workplace()
    const place = (await session.names(session.root)).at(-1) as string
    await session.create(dir, 'file', { data: 'x' })
    const { nfs } = session
    const past = await walk(session, await rootAt(session, await changeTime(session, dir)), place)
    const file = await session.lookup(past, 'file')
    const bytes = Buffer.from('y')
    const write = { file, offset: 0, count: 1, stable: 2, data: bytes } as const
    isStatus((await nfs.write(write)).status, 'NFS3ERR_ROFS')
    isStatus((await nfs.remove({ object: { dir: past, name: 'file' } })).status, 'NFS3ERR_ROFS')
    const attributes = { object: file, new_attributes: sattr({ mode: 0 }), guard: undefined }
    isStatus((await nfs.setattr(attributes)).status, 'NFS3ERR_ROFS')
    const out = { from: { dir: past, name: 'file' }, to: { dir, name: 'taken' } }
    isStatus((await nfs.rename(out)).status, 'NFS3ERR_ROFS')
    const into = { from: { dir, name: 'file' }, to: { dir: past, name: 'put' } }
    isStatus((await nfs.rename(into)).status, 'NFS3ERR_ROFS')
    isStatus((await nfs.link({ file, link: { dir: past, name: 'l' } })).status, 'NFS3ERR_ROFS')
    const history = await session.lookup(session.root, '.history')
    const made = { where: { dir: history, name: 'new' }, attributes: sattr() }
    isStatus((await nfs.mkdir(made)).status, 'NFS3ERR_ROFS')
    const taken = { where: { dir: session.root, name: '.history' }, attributes: sattr() }
    isStatus((await nfs.mkdir(taken)).status, 'NFS3ERR_EXIST')
    const renamed = { from: { dir, name: 'file' }, to: { dir: session.root, name: '.history' } }
    isStatus((await nfs.rename(renamed)).status, 'NFS3ERR_EXIST')
  })

  test('every procedure that writes is refused everywhere, with attributes of then', async () => {
    const { session, dir } = await share.workplace()
    const place = (await session.names(session.root)).at(-1) as string
    const live = await session.create(dir, 'file', { data: 'then' })
    await session.mkdir(dir, 'sub')
    const moment = await changeTime(session, dir)
    await session.write(live, 0, 'now, which is longer')
    await session.set(live, { mode: 0o600 })
    await session.set(dir, { mode: 0o700 })
    const { nfs, root } = session
    const history = await session.lookup(root, '.history')
    const pastRoot = await session.lookup(history, moment)
    const past = await session.lookup(pastRoot, place)
    const attributes = sattr({ mode: 0o777 })
    const bytes = { offset: 0, count: 1, stable: 0, data: Buffer.from('x') } as const
    const named = { name: 'x' } as const
    const after: (fattr3 | undefined)[] = []
    const refusedAt = async (at: Buffer) => {
      const where = { dir: at, ...named }
      const symlink = { symlink_attributes: attributes, symlink_data: 'x' }
      const pipe = { type: 7, pipe_attributes: attributes } as const
      const made = [
        await nfs.create({ where, how: { mode: 0, obj_attributes: sattr({ size: 0 }) } }),
        await nfs.create({ where, how: { mode: 1, obj_attributes: attributes } }),
        await nfs.create({ where, how: { mode: 2, verf: Buffer.alloc(8, 1) } }),
        await nfs.mkdir({ where, attributes }),
        await nfs.symlink({ where, symlink }),
        await nfs.mknod({ where, what: pipe }),
        await nfs.remove({ object: { dir: at, name: 'file' } }),
        await nfs.rmdir({ object: { dir: at, name: 'sub' } }),
      ] as { status: number; dir_wcc: wcc_data }[]
      const out = await nfs.rename({ from: { dir: at, name: 'file' }, to: { dir, name: 'y' } })
      const into = await nfs.rename({ from: { dir, name: 'file' }, to: where })
      const link = await nfs.link({ file: live, link: where })
      const set = await nfs.setattr({ object: at, new_attributes: attributes, guard: undefined })
      const write = await nfs.write({ file: at, ...bytes })
      for (const { status } of [...made, out, into, link, set, write]) {
        isStatus(status, 'NFS3ERR_ROFS')
      }
      after.push(...made.map(({ dir_wcc }) => dir_wcc.after), out.fromdir_wcc.after)
      after.push(into.todir_wcc.after, link.linkdir_wcc.after, set.obj_wcc.after)
      after.push(write.file_wcc.after)
    }
    for (const at of [history, pastRoot, past]) {
      after.length = 0
      await refusedAt(at)
      const { obj_attributes } = ok(await nfs.getattr({ object: at }))
      for (const one of after) assert.deepEqual(one, obj_attributes)
    }
    const file = await session.lookup(past, 'file')
    const then = await session.attributes(file)
    assert.equal(then.size, 4)
    const set = await nfs.setattr({ object: file, new_attributes: attributes, guard: undefined })
    const write = await nfs.write({ file, ...bytes })
    const out = await nfs.link({ file, link: { dir, ...named } })
    for (const { status } of [set, write, out]) isStatus(status, 'NFS3ERR_ROFS')
    const commit = await nfs.commit({ file, offset: 0, count: 0 })
    const seen = [set.obj_wcc.after, write.file_wcc.after, commit.file_wcc.after]
    for (const one of [...seen, out.file_attributes]) assert.deepEqual(one, then)
  })

  test('`.history` itself can be neither made, taken away nor moved', async () => {
    const { session, dir } = await share.workplace()
    const { nfs, root } = session
    const file = await session.create(dir, 'file')
    const object = { dir: root, name: '.history' }
    isStatus((await nfs.remove({ object })).status, 'NFS3ERR_ROFS')
    isStatus((await nfs.rmdir({ object })).status, 'NFS3ERR_ROFS')
    const away = { from: object, to: { dir, name: 'h' } }
    isStatus((await nfs.rename(away)).status, 'NFS3ERR_ROFS')
    const how = { mode: 2, verf: Buffer.alloc(8, 1) } as const
    isStatus((await nfs.create({ where: object, how })).status, 'NFS3ERR_EXIST')
    isStatus((await nfs.link({ file, link: object })).status, 'NFS3ERR_EXIST')
    isStatus((await nfs.rmdir({ object: { dir, name: '.history' } })).status, 'NFS3ERR_NOENT')
  })

  test('every label is listed, however many name one moment', async () => {
    const { session, dir } = await share.workplace()
    const moment = await changeTime(session, dir)
    await session.create(dir, 'later')
    const names = Array.from({ length: 70 }, (_, i) => `many-${i}`)
    const history = await session.lookup(session.root, '.history')
    await Promise.all(names.map((name) => label(name, moment)))
    const listed = await listDirectory(session.nfs, history, 2048)
    assert.equal(new Set(listed.map(({ name }) => name)).size, listed.length)
    for (const name of names) {
      const entry = listed.find((one) => one.name === name)
      assert.deepEqual(entry?.name_handle, await session.lookup(history, name), name)
      assert.equal(entry?.name_attributes?.type, 2)
    }
    for (const name of names) await unlabel(name)
  })

  test('names that every object has are no labels, until somebody makes them', async () => {
    const session = await share.session()
    const history = await session.lookup(session.root, '.history')
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      const { status } = await session.nfs.lookup({ what: { dir: history, name } })
      isStatus(status, 'NFS3ERR_NOENT')
      const path = `/v1/shares/%2Fexport/labels/${name}`
      await assert.rejects(share.server.administer('DELETE', path), /: 404 /)
      await assert.rejects(
        share.server.administer('DELETE', path.replace('labels', 'holds')),
        /404/,
      )
      await label(name)
      const { fsid } = await session.attributes(await session.lookup(history, name))
      assert.ok(fsid > 8192)
      assert.ok((await session.names(history)).includes(name))
      await unlabel(name)
      assert.equal(await session.exists(history, name), false)
    }
  })

  test('moments that are none, are to come, or were before the share have no entry', async () => {
    const session = await share.session()
    const history = await session.lookup(session.root, '.history')
    for (const name of [
      'nonsense!',
      '2026-13-01',
      '2026-02-30',
      '2023-02-29',
      '0000-01-01',
      '0099-06-01',
      '9999-12-31T24:00:00Z',
      '9999-12-31T23:59:60Z',
      '9999-12-31T23:59:59.0123456789Z',
      '9999-12-31T23:59:59+99:99',
      '9999-12-31T23:59:59-15:00',
      '99999-01-01',
      '@',
      '@-1',
      '@1.5',
      '@9007199254740993',
      '',
      'now',
      '10m',
      '1999-01-01',
      '@0',
      '@99999999',
      '2999-01-01T00:00:00Z-',
      'no-label',
    ]) {
      const { status } = await session.nfs.lookup({ what: { dir: history, name } })
      isStatus(status, 'NFS3ERR_NOENT')
    }
    for (const name of ['2999-01-01', '2999-01-01T05', '2999-01-01T05:06-0730', '2996-02-29']) {
      assert.ok(await session.exists(history, name), 'what is to come is as it is now')
    }
  })

  test('recent moments are listed and lead to their trees; times may be short', async () => {
    const { session, dir } = await share.workplace()
    await session.create(dir, 'a')
    await delay(1100)
    await session.create(dir, 'b')
    const history = await session.lookup(session.root, '.history')
    const names = await session.names(history)
    assert.ok(names.length >= 2)
    assert.equal(new Set(names).size, names.length)
    for (const name of names) {
      assert.match(name, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}/)
      const { type } = await session.attributes(await session.lookup(history, name))
      assert.equal(type, 2)
    }
    const whole = `${names.at(-1)?.slice(0, 19)}+00:00`
    assert.equal(await session.exists(history, whole), true)
  })

  test('permissions are those of then', async () => {
    const { session, dir } = await share.workplace()
    const place = (await session.names(session.root)).at(-1) as string
    const file = await session.create(dir, 'private', { mode: 0o600, data: 'secret' })
    const before = await changeTime(session, file)
    await session.set(file, { mode: 0o644 })
    const nobody = session.as({ uid: 4242, gid: 4242 })
    const old = await walk(nobody, await rootAt(nobody, before), `${place}/private`)
    isStatus((await nobody.nfs.read({ file: old, offset: 0, count: 10 })).status, 'NFS3ERR_ACCES')
    assert.equal((await session.as(ROOT).readAll(old)).toString(), 'secret')
    assert.equal((await nobody.readAll(file)).toString(), 'secret')
  })
})
