/** Who a caller is in a share: exports(5), root_squash, no_root_squash and all_squash. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ftype3 } from '../../../src/protocols/nfs3/wire-types.ts'
import { authNone, type Credentials, type UnixUser } from '../../client/rpc-call.ts'
import { type ServedShare, serveShare } from '../served-share.ts'
import { ALICE, ROOT } from '../session.ts'
import { assertStatus } from './expectations.ts'

const NOBODY = 65_534
const shares = {
  none: await serveShare({ 'share-squash': 'none' }),
  root: await serveShare({ 'share-squash': 'root' }),
  all: await serveShare({ 'share-squash': 'all' }),
}

/** The owner and group of what this user makes in the root of the share. */
async function madeBy(share: ServedShare, user: UnixUser | Credentials): Promise<number[]> {
  const session = (await share.session()).as(user)
  const { names } = madeBy
  madeBy.names += 1
  const { uid, gid } = await session.attributes(await session.create(session.root, `${names}`))
  return [uid, gid]
}
madeBy.names = 0

describe('who makes it', () => {
  const nobody = [NOBODY, NOBODY]
  const alice = [ALICE.uid, ALICE.gid]

  test('none: everybody is who they say', async () => {
    assert.deepEqual(await madeBy(shares.none, ROOT), [0, 0])
    assert.deepEqual(await madeBy(shares.none, ALICE), alice)
  })

  test('root: root is nobody, in user and group', async () => {
    assert.deepEqual(await madeBy(shares.root, ROOT), nobody)
    assert.deepEqual(await madeBy(shares.root, ALICE), alice)
    assert.deepEqual(await madeBy(shares.root, { uid: 0, gid: 5 }), [NOBODY, 5])
    assert.deepEqual(await madeBy(shares.root, { uid: 5, gid: 0 }), [5, NOBODY])
  })

  test('all: everybody is nobody', async () => {
    assert.deepEqual(await madeBy(shares.all, ROOT), nobody)
    assert.deepEqual(await madeBy(shares.all, ALICE), nobody)
  })

  test('who says nothing (AUTH_NONE) is nobody everywhere', async () => {
    for (const share of Object.values(shares)) {
      assert.deepEqual(await madeBy(share, authNone), nobody)
    }
  })
})

describe('what root may, squashed', () => {
  test('no more than anybody: not chown, not other people’s files, no devices', async () => {
    const alice = await shares.root.session(ALICE)
    const dir = await alice.mkdir(alice.root, 'of alice', 0o755)
    const file = await alice.create(dir, 'file', { mode: 0o600, data: 'secret' })
    const root = alice.as(ROOT)
    assertStatus(await root.nfs.read({ file, offset: 0, count: 1 }), 'NFS3ERR_ACCES')
    const chown = { object: file, new_attributes: { ...attributes, uid: 0 }, guard: undefined }
    assertStatus(await root.nfs.setattr(chown), 'NFS3ERR_PERM')
    assertStatus(await root.nfs.remove({ object: { dir, name: 'file' } }), 'NFS3ERR_ACCES')
    const where = { dir: root.root, name: 'device' }
    const spec = { specdata1: 1, specdata2: 3 }
    const what = { type: ftype3.NF3CHR, dev_attributes: attributes, spec }
    assertStatus(await root.nfs.mknod({ where, what } as const), 'NFS3ERR_PERM')
  })

  test('a supplementary group 0 gives nothing', async () => {
    const unsquashed = await shares.none.session()
    const squashed = await shares.root.session()
    const member = { ...ALICE, gids: [0] }
    const attempt = { object: unsquashed.root, access: 0x3f }
    assertStatus(await unsquashed.as(member).nfs.access(attempt), 'NFS3_OK')
    const file = await squashed.as(ALICE).create(squashed.root, 'of alice too')
    const chgrp = { object: file, new_attributes: { ...attributes, gid: 0 }, guard: undefined }
    assertStatus(await squashed.as(member).nfs.setattr(chgrp), 'NFS3ERR_PERM')
    const mine = await unsquashed.as(ALICE).create(unsquashed.root, 'of alice too')
    const allowed = { ...chgrp, object: mine }
    assertStatus(await unsquashed.as(member).nfs.setattr(allowed), 'NFS3_OK')
  })
})

const attributes = {
  mode: undefined,
  uid: undefined,
  gid: undefined,
  size: undefined,
  atime: { how: 0 },
  mtime: { how: 0 },
} as const

describe('supplementary groups', () => {
  test('all sixteen count', async () => {
    const session = await shares.none.session()
    const dir = await session.mkdir(session.root, 'of a group', 0o770)
    const gids = Array.from({ length: 16 }, (_, i) => 2000 + i)
    for (const [i, gid] of gids.entries()) {
      await session.set(dir, { gid })
      await session.as({ ...ALICE, gids }).create(dir, `by member ${i}`)
      const others = gids.filter((other) => other !== gid)
      const refused = session.as({ ...ALICE, gids: others }).create(dir, 'by others')
      await assert.rejects(refused, /NFS3ERR_ACCES/)
    }
  })

  test('the owner has the owner’s bits, though the group has more', async () => {
    const session = await shares.none.session()
    const file = await session.create(session.root, 'odd mode', { data: 'x' })
    await session.set(file, { mode: 0o077, uid: ALICE.uid, gid: 3000 })
    const access = async (user: UnixUser) => {
      const result = await session.as(user).nfs.access({ object: file, access: 1 })
      return result.status === 0 ? result.access : -1
    }
    assert.equal(await access({ ...ALICE, gids: [3000] }), 0)
    assert.equal(await access({ uid: 5, gid: 3000 }), 1)
    await session.set(file, { mode: 0o707 })
    assert.equal(await access({ uid: 5, gid: 3000 }), 0, 'a member has the group’s')
  })

  test('are those that the server knows, as soon as it does, where the share says so', async () => {
    const { server } = shares.none
    const path = '/v1/users'
    const alice = { name: 'alice', uid: ALICE.uid, gid: ALICE.gid }
    const session = await shares.none.session()
    const dir = await session.mkdir(session.root, 'of group 4000', 0o770)
    await session.set(dir, { gid: 4000 })
    await shares.none.edit({ groups: 'server' })
    // One connection, and the same credentials in each call.
    const { nfs } = session.as({ ...ALICE, gids: [4000] })
    const may = async () => {
      const result = await nfs.access({ object: dir, access: 1 })
      return result.status === 0 && result.access === 1
    }
    assert.equal(await may(), false, 'what the call claims counts for nothing')
    await server.administer('POST', path, { ...alice, gids: [4000] })
    assert.equal(await may(), true)
    await server.administer('DELETE', `${path}/alice`)
    assert.equal(await may(), false, 'who is no user any more is in no group')
    await server.administer('POST', path, { ...alice, gids: [4001] })
    assert.equal(await may(), false)
    await shares.none.edit({ groups: 'client' })
    assert.equal(await may(), true)
  })
})
