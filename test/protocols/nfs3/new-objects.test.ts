/** What CREATE, MKDIR, SYMLINK, MKNOD and LINK share: RFC 1813 sections 3.3.8 to 3.3.11, 3.3.15. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createmode3 } from '../../../src/protocols/nfs3/procedures/create.ts'
import {
  ftype3,
  type nfsstat3,
  time_how,
  type wcc_data,
} from '../../../src/protocols/nfs3/wire-types.ts'
import { sattr } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, type Session } from '../session.ts'
import { assertStatus, changes, withTrueWcc } from './expectations.ts'

const share = await serveShare()

interface Made {
  readonly status: nfsstat3
  readonly dir_wcc: wcc_data
}
type Wanted = Parameters<typeof sattr>[0]
type Maker = (session: Session, dir: Buffer, name: string, wanted?: Wanted) => Promise<Made>

const makers: Readonly<Record<string, Maker>> = {
  'CREATE guarded': ({ nfs }, dir, name, wanted) =>
    nfs.create({
      where: { dir, name },
      how: { mode: createmode3.GUARDED, obj_attributes: sattr(wanted) },
    }),
  'CREATE exclusive': ({ nfs }, dir, name) =>
    nfs.create({
      where: { dir, name },
      how: { mode: createmode3.EXCLUSIVE, verf: Buffer.alloc(8, name) },
    }),
  MKDIR: ({ nfs }, dir, name, wanted) =>
    nfs.mkdir({ where: { dir, name }, attributes: sattr(wanted) }),
  SYMLINK: ({ nfs }, dir, name, wanted) =>
    nfs.symlink({
      where: { dir, name },
      symlink: { symlink_attributes: sattr(wanted), symlink_data: 'target' },
    }),
  'MKNOD fifo': ({ nfs }, dir, name, wanted) =>
    nfs.mknod({
      where: { dir, name },
      what: { type: ftype3.NF3FIFO, pipe_attributes: sattr(wanted) },
    }),
  'MKNOD socket': ({ nfs }, dir, name, wanted) =>
    nfs.mknod({
      where: { dir, name },
      what: { type: ftype3.NF3SOCK, pipe_attributes: sattr(wanted) },
    }),
}

for (const [name, make] of Object.entries(makers)) {
  const directory = name === 'MKDIR'
  const exclusive = name === 'CREATE exclusive'

  describe(name, () => {
    test('the directory has a new entry, and weak cache consistency is true', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const before = await session.attributes(dir)
      const result = await withTrueWcc(
        session,
        dir,
        () => make(session, dir, 'new'),
        ({ dir_wcc }) => dir_wcc,
      )
      assertStatus(result, 'NFS3_OK')
      const after = await session.attributes(dir)
      const nlink = directory ? ['nlink'] : []
      assert.deepEqual(changes(before, after), ['ctime', 'mtime', ...nlink])
      assert.equal(after.nlink - before.nlink, directory ? 1 : 0)
      assert.deepEqual(await session.names(dir), ['new'])
    })

    test('NFS3ERR_EXIST leaves everything as it was', async () => {
      const { session, dir } = await share.workplace(ALICE)
      await session.create(dir, 'file')
      await session.mkdir(dir, 'directory')
      await session.symlink(dir, 'symlink', 'missing')
      for (const taken of ['file', 'directory', 'symlink']) {
        const result = await withTrueWcc(
          session,
          dir,
          () => make(session, dir, taken),
          ({ dir_wcc }) => dir_wcc,
        )
        assertStatus(result, 'NFS3ERR_EXIST', taken)
        assert.deepEqual(result.dir_wcc.before?.ctime, result.dir_wcc.after?.ctime)
      }
    })

    test('`.` and `..` are there already: NFS3ERR_EXIST', async () => {
      const { session, dir } = await share.workplace(ALICE)
      for (const dot of ['.', '..']) {
        assertStatus(await make(session, dir, dot), 'NFS3ERR_EXIST', dot)
      }
    })

    test('NFS3ERR_NOTDIR in what is no directory', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const handles = [
        await session.create(dir, 'file'),
        await session.symlink(dir, 'symlink', '.'),
        await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO }),
      ]
      for (const handle of handles) {
        assertStatus(await make(session, handle, 'new'), 'NFS3ERR_NOTDIR')
      }
    })

    test('NFS3ERR_ACCES without permission to write in the directory', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const inner = await session.mkdir(dir, 'inner', 0o755)
      const result = await make(session.as(BOB), inner, 'new')
      assertStatus(result, 'NFS3ERR_ACCES')
      assert.deepEqual(result.dir_wcc.after, await session.attributes(inner))
    })

    test('NFS3ERR_NAMETOOLONG above 255 bytes', async () => {
      const { session, dir } = await share.workplace(ALICE)
      assertStatus(await make(session, dir, 'n'.repeat(256)), 'NFS3ERR_NAMETOOLONG')
      assertStatus(await make(session, dir, 'n'.repeat(255)), 'NFS3_OK')
      assert.deepEqual(await session.names(dir), ['n'.repeat(255)])
    })

    test('NFS3ERR_ACCES for the empty name, NFS3ERR_INVAL for impossible ones', async () => {
      const { session, dir } = await share.workplace(ALICE)
      for (const impossible of ['a/b', '/', 'a\0b', '\0']) {
        const result = await make(session, dir, impossible)
        assertStatus(result, 'NFS3ERR_INVAL', JSON.stringify(impossible))
      }
      assertStatus(await make(session, dir, ''), 'NFS3ERR_ACCES')
      assert.deepEqual(await session.names(dir), [])
    })

    test('in a set-group-id directory it has the directory’s group', async () => {
      const { session, dir } = await share.workplace()
      await session.set(dir, { gid: 77, mode: 0o2777 })
      assertStatus(await make(session.as(ALICE), dir, 'new', { mode: 0o755 }), 'NFS3_OK')
      const { gid, mode } = await session.attributes(await session.lookup(dir, 'new'))
      assert.equal(gid, 77)
      if (directory) assert.equal(mode, 0o2755, 'a directory hands it on')
    })

    // EXCLUSIVE carries a verifier instead of attributes.
    if (exclusive) return

    test('attributes in the call count', async () => {
      const { session, dir } = await share.workplace()
      const mtime = { how: time_how.SET_TO_CLIENT_TIME, time: { seconds: 9, nseconds: 8 } }
      assertStatus(
        await make(session, dir, 'new', { mode: 0o1712, uid: 3, gid: 4, mtime }),
        'NFS3_OK',
      )
      const attributes = await session.attributes(await session.lookup(dir, 'new'))
      assert.deepEqual([attributes.uid, attributes.gid], [3, 4])
      assert.deepEqual(attributes.mtime, mtime.time)
      if (name !== 'SYMLINK') assert.equal(attributes.mode, 0o1712)
      assert.notEqual((await session.attributes(dir)).mtime.seconds, 9)
    })

    test('NFS3ERR_INVAL for an impossible time', async () => {
      const { session, dir } = await share.workplace()
      const time = { seconds: 9, nseconds: 1_000_000_000 }
      const mtime = { how: time_how.SET_TO_CLIENT_TIME, time }
      assertStatus(await make(session, dir, 'new', { mtime }), 'NFS3ERR_INVAL')
    })

    test('NFS3ERR_PERM for somebody else’s', async () => {
      const { session, dir } = await share.workplace(ALICE)
      assertStatus(await make(session, dir, 'new', { uid: BOB.uid }), 'NFS3ERR_PERM')
      assertStatus(await make(session, dir, 'new', { gid: BOB.gid }), 'NFS3ERR_PERM')
    })
  })
}
