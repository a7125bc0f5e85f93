/** What an administrator may do to a share while clients use it. */
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'node:test'
import { ACCESS3 } from '../../../src/protocols/nfs3/procedures/access.ts'
import { nfsstat3 } from '../../../src/protocols/nfs3/wire-types.ts'
import { Mount3Client } from '../../client/mount3-client.ts'
import { ok, sattr } from '../../client/nfs3-client.ts'
import { authSys } from '../../client/rpc-call.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, ROOT, Session } from '../session.ts'
import { assertStatus, changesBy } from './expectations.ts'
import { asking, changing, furnished } from './furnished.ts'
import { callByName, validCalls } from './valid-calls.ts'

const share = await serveShare()

describe('readOnly', () => {
  test('NFS3ERR_ROFS for whatever changes something, and nothing else', async () => {
    const { session, dir, file, calls } = await furnished(share)
    await share.edit({ readOnly: true })
    const before = await session.attributes(dir)
    for (const name of changing) {
      assertStatus(await callByName(session.nfs, name, calls[name]), 'NFS3ERR_ROFS', name)
    }
    for (const name of asking) {
      assertStatus(await callByName(session.nfs, name, calls[name]), 'NFS3_OK', name)
    }
    assert.deepEqual(await session.attributes(dir), before)
    const { access } = ok(await session.nfs.access({ object: file, access: 0x3f }))
    assert.equal(access & (ACCESS3.MODIFY | ACCESS3.EXTEND), 0)
    assert.deepEqual(await changesBy(session, file, () => session.readAll(file)), [])
    await share.edit({ readOnly: false })
    await session.write(file, 0, 'changed')
  })
})

describe('quota', () => {
  test('NFS3ERR_DQUOT beyond it; FSSTAT says what is left; removing makes room', async () => {
    const { session, dir } = await share.workplace()
    const MiB = 1 << 20
    const used = async () => {
      const { tbytes, fbytes } = ok(await session.nfs.fsstat({ fsroot: dir }))
      return { tbytes, fbytes }
    }
    await share.edit({ quota: 4 * MiB })
    const { tbytes, fbytes } = await used()
    assert.equal(tbytes, 4 * MiB)
    assert.ok(fbytes > 3 * MiB && fbytes <= 4 * MiB)
    const file = await session.create(dir, 'file')
    for (const stable of [0, 2] as const) {
      const data = Buffer.alloc(MiB, stable + 1)
      await session.write(file, 0, data, stable)
      await session.write(file, MiB, data, stable)
      const args = { file, offset: 2 * MiB, count: MiB, stable, data }
      ok(await session.nfs.write(args))
      assertStatus(await session.nfs.write({ ...args, offset: 3 * MiB }), 'NFS3ERR_DQUOT')
      await session.set(file, { size: 0 })
    }
    await session.write(file, 0, Buffer.alloc(MiB, 9))
    assert.ok((await used()).fbytes < 3 * MiB)
    await session.remove(dir, 'file')
    assert.equal((await used()).fbytes, fbytes)
    await share.edit({ quota: 0 })
  })
})

describe('who may use it', () => {
  test('allow: others are refused, mounted or not', async () => {
    const { session, dir } = await share.workplace()
    await share.edit({ allow: ['192.0.2.0/24', '2001:db8::/32'] })
    assertStatus(await session.nfs.getattr({ object: dir }), 'NFS3ERR_ACCES')
    assert.equal((await new Mount3Client(session.rpc).mnt('/export')).fhs_status, 13)
    await share.edit({ allow: ['192.0.2.1', '127.0.0.0/8'] })
    await session.attributes(dir)
    await share.edit({ allow: [] })
  })

  test('allow: single addresses, and networks up to their last address', async () => {
    const { dir } = await share.workplace()
    const statusFrom = async (localAddress: string) => {
      const { nfs, rpc } = new Session(await share.connect({ localAddress }), dir, authSys(ROOT))
      const { status } = await nfs.getattr({ object: dir })
      const mount = await new Mount3Client(rpc).mnt('/export')
      assert.equal(mount.fhs_status === 0, status === 0, localAddress)
      return status
    }
    await share.edit({ allow: ['127.0.0.5', '127.0.4.0/22'] })
    for (const address of ['127.0.0.5', '127.0.4.1', '127.0.7.254']) {
      assert.equal(await statusFrom(address), nfsstat3.NFS3_OK, address)
    }
    for (const address of ['127.0.0.1', '127.0.0.4', '127.0.3.254', '127.0.8.1']) {
      assert.equal(await statusFrom(address), nfsstat3.NFS3ERR_ACCES, address)
    }
    await share.edit({ allow: [] })
    assert.equal(await statusFrom('127.0.0.1'), nfsstat3.NFS3_OK)
  })

  const v6 = Object.values(networkInterfaces()).some((all) =>
    all?.some(({ address }) => address === '::1'),
  )
  test('allow: IPv6, and IPv4 within it', { skip: !v6 && 'no IPv6 here' }, async () => {
    const both = await serveShare({ listen: '::' })
    const { root } = await both.session()
    const statusBy = async (host: string) => {
      const { nfs } = new Session(await both.connect({ host }), root, authSys(ROOT))
      return (await nfs.getattr({ object: root })).status
    }
    const expected: readonly (readonly [string, string, number])[] = [
      ['::1', '::1', nfsstat3.NFS3_OK],
      ['::1', '127.0.0.1', nfsstat3.NFS3ERR_ACCES],
      ['::/64', '::1', nfsstat3.NFS3_OK],
      ['2001:db8::/32', '::1', nfsstat3.NFS3ERR_ACCES],
      ['127.0.0.1', '127.0.0.1', nfsstat3.NFS3_OK],
      ['127.0.0.0/8', '127.0.0.1', nfsstat3.NFS3_OK],
      ['127.0.0.0/8', '::1', nfsstat3.NFS3ERR_ACCES],
    ]
    for (const [allow, host, status] of expected) {
      await both.edit({ allow: [allow] })
      assert.equal(await statusBy(host), status, `${allow}, from ${host}`)
    }
  })

  const root = process.getuid?.() === 0
  test('securePorts: below 1024', { skip: !root && 'only root has them' }, async () => {
    const { dir } = await share.workplace()
    await share.edit({ securePorts: true })
    const expected = {
      1: 'NFS3_OK',
      600: 'NFS3_OK',
      1023: 'NFS3_OK',
      1024: 'NFS3ERR_PERM',
    } as const
    for (const [port, status] of Object.entries(expected)) {
      const rpc = await share.connect({ localPort: Number(port), localAddress: '127.0.0.9' })
      const { nfs } = new Session(rpc, dir, authSys(ROOT))
      assertStatus(await nfs.getattr({ object: dir }), status, port)
      const mount = await new Mount3Client(rpc).mnt('/export')
      assert.equal(mount.fhs_status === 0, status === 'NFS3_OK', port)
    }
    await share.edit({ securePorts: false })
  })

  test('securePorts: calls must come from a port below 1024', async () => {
    const { session, dir } = await share.workplace()
    await share.edit({ securePorts: true })
    const refused = await session.nfs.getattr({ object: dir })
    assert.ok([1, 13].includes(refused.status), `status ${refused.status}`)
    assert.notEqual((await new Mount3Client(session.rpc).mnt('/export')).fhs_status, 0)
    await share.edit({ securePorts: false })
    await session.attributes(dir)
  })

  test('squash changes for connections that are there', async () => {
    const { session, dir } = await share.workplace()
    const owner = async (name: string) =>
      (await session.attributes(await session.create(dir, name))).uid
    assert.equal(await owner('as root'), 0)
    await share.edit({ squash: 'all', anonUid: 77, anonGid: 78 })
    assert.equal(await owner('as somebody'), 77)
    await share.edit({ squash: 'none', anonUid: 65_534, anonGid: 65_534 })
    assert.equal(await owner('as root again'), 0)
  })
})

describe('what is recorded', () => {
  test('atime none: reading changes nothing', async () => {
    const { session, dir } = await share.workplace()
    const file = await session.create(dir, 'file', { data: 'content' })
    await share.edit({ atime: 'none' })
    assert.deepEqual(await changesBy(session, file, () => session.readAll(file)), [])
    assert.deepEqual(await changesBy(session, dir, () => session.names(dir)), [])
    await share.edit({ atime: 'relatime' })
    assert.deepEqual(await changesBy(session, file, () => session.readAll(file)), ['atime'])
  })

  test('audit all: every procedure works as before', async () => {
    await share.edit({ audit: 'all' })
    const { session, calls } = await furnished(share)
    for (const name of [...asking, 'lookup', 'commit'] as const) {
      const { status } = await callByName(session.nfs, name, calls[name])
      assert.equal(status, name === 'lookup' ? 2 : 0, name)
    }
    await share.edit({ audit: 'writes' })
  })
})

describe('two shares', () => {
  test('NFS3ERR_XDEV: nothing is linked or moved from one to the other', async () => {
    const { session, dir } = await share.workplace()
    await share.add('/second')
    const root = await new Mount3Client(session.rpc).root('/second')
    const second = new Session(session.rpc, root, session.credentials)
    const file = await session.create(dir, 'file')
    const there = { dir: root, name: 'file' }
    assertStatus(await session.nfs.link({ file, link: there }), 'NFS3ERR_XDEV')
    const rename = { from: { dir, name: 'file' }, to: there }
    assertStatus(await session.nfs.rename(rename), 'NFS3ERR_XDEV')
    assert.deepEqual(await second.names(root), [])
    assert.deepEqual(await session.lookup(dir, 'file'), file)
    const [one, two] = [await session.attributes(session.root), await second.attributes(root)]
    assert.notEqual(one.fsid, two.fsid)
    assert.deepEqual(await second.lookup(root, '..'), root)
  })

  test('a share that was deleted: NFS3ERR_STALE, also behind a crash', async () => {
    await share.add('/third')
    const root = await new Mount3Client(await share.connect()).root('/third')
    const session = await share.session()
    const file = await session.create(root, 'file', { data: 'content' })
    await share.server.administer('DELETE', '/v1/shares/%2Fthird')
    for (const object of [root, file]) {
      assertStatus(await session.nfs.getattr({ object }), 'NFS3ERR_STALE')
    }
    await share.crash()
    const again = await share.session()
    assertStatus(await again.nfs.getattr({ object: file }), 'NFS3ERR_STALE')
    await share.add('/third')
    assertStatus(await again.nfs.getattr({ object: file }), 'NFS3ERR_STALE')
  })
})

test('NFS3ERR_NOSPC on a full disk: what is there can be read, changed and removed', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file', { data: 'content' })
  const calls = validCalls({ dir, file, symlink: file })
  await share.restart({ reserve: '1000000G' })
  const { nfs } = await share.session(ALICE)
  for (const name of ['create', 'mkdir', 'symlink', 'mknod', 'link', 'write'] as const) {
    assertStatus(await callByName(nfs, name, calls[name]), 'NFS3ERR_NOSPC', name)
  }
  const growing = { object: file, new_attributes: sattr({ size: 100 }), guard: undefined }
  assertStatus(await nfs.setattr(growing), 'NFS3ERR_NOSPC')
  const full = new Session((await share.session(ALICE)).rpc, session.root, session.credentials)
  assert.equal((await full.readAll(file)).toString(), 'content')
  await full.set(file, { mode: 0o600 })
  await full.rename(dir, 'file', dir, 'renamed')
  await full.set(file, { size: 3 })
  await full.remove(dir, 'renamed')
  const { abytes } = ok(await nfs.fsstat({ fsroot: dir }))
  assert.equal(abytes, 0)
  await share.restart({ reserve: '64M' })
  const again = await share.session(ROOT)
  await again.create(dir, 'there is room again')
})
