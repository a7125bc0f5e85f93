/** RFC 1813 sections 3.3.12 and 3.3.13: REMOVE and RMDIR. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ftype3 } from '../../../src/protocols/nfs3/wire-types.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, ROOT, type Session } from '../session.ts'
import { assertStatus, changesBy, statusName, withTrueWcc } from './expectations.ts'

const share = await serveShare()

const remove = (session: Session, dir: Buffer, name: string) =>
  session.nfs.remove({ object: { dir, name } })
const rmdir = (session: Session, dir: Buffer, name: string) =>
  session.nfs.rmdir({ object: { dir, name } })

describe('REMOVE', () => {
  test('takes the name away, and the object with its last one', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'content' })
    await session.link(file, dir, 'second')
    const once = await changesBy(session, file, () => remove(session, dir, 'file'))
    assert.deepEqual(once, ['ctime', 'nlink'])
    assert.equal((await session.readAll(file)).toString(), 'content')
    assertStatus(await remove(session, dir, 'second'), 'NFS3_OK')
    assertStatus(await session.nfs.getattr({ object: file }), 'NFS3ERR_STALE')
    assert.deepEqual(await session.names(dir), [])
  })

  test('every type but directories', async () => {
    const { session, dir } = await share.workplace(ALICE)
    await session.symlink(dir, 'symlink', 'missing')
    await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO })
    await session.mknod(dir, 'socket', { type: ftype3.NF3SOCK })
    for (const name of ['symlink', 'fifo', 'socket']) {
      assertStatus(await remove(session, dir, name), 'NFS3_OK', name)
    }
    await session.mkdir(dir, 'directory')
    assertStatus(await remove(session, dir, 'directory'), 'NFS3ERR_ISDIR')
    assert.deepEqual(await session.names(dir), ['directory'])
  })

  test('follows no symbolic link', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await session.symlink(dir, 'symlink', 'file')
    assertStatus(await remove(session, dir, 'symlink'), 'NFS3_OK')
    assert.deepEqual(await session.lookup(dir, 'file'), file)
  })

  test('a file with unstable data can be removed', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await session.write(file, 0, Buffer.alloc(100_000, 1), 0)
    const [removed, committed] = await Promise.all([
      remove(session, dir, 'file'),
      session.nfs.commit({ file, offset: 0, count: 0 }),
    ])
    assertStatus(removed, 'NFS3_OK')
    assertStatus(committed, 'NFS3ERR_STALE')
  })
})

describe('RMDIR', () => {
  test('takes an empty directory away; its parent has a link less', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const inner = await session.mkdir(dir, 'inner')
    const changed = await changesBy(session, dir, () => rmdir(session, dir, 'inner'))
    assert.deepEqual(changed, ['ctime', 'mtime', 'nlink'])
    assertStatus(await session.nfs.getattr({ object: inner }), 'NFS3ERR_STALE')
  })

  test('NFS3ERR_NOTEMPTY while anything is in it', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const inner = await session.mkdir(dir, 'inner')
    for (const name of ['.hidden', 'name']) {
      await session.create(inner, name)
      assertStatus(await rmdir(session, dir, 'inner'), 'NFS3ERR_NOTEMPTY')
      await session.remove(inner, name)
    }
    await session.mkdir(inner, 'directory')
    assertStatus(await rmdir(session, dir, 'inner'), 'NFS3ERR_NOTEMPTY')
    assertStatus(await rmdir(session, inner, 'directory'), 'NFS3_OK')
    assertStatus(await rmdir(session, dir, 'inner'), 'NFS3_OK')
  })

  test('NFS3ERR_NOTDIR for what is none', async () => {
    const { session, dir } = await share.workplace(ALICE)
    await session.create(dir, 'file')
    await session.symlink(dir, 'symlink', '.')
    for (const name of ['file', 'symlink']) {
      assertStatus(await rmdir(session, dir, name), 'NFS3ERR_NOTDIR', name)
    }
  })

  test('`.` and `..` cannot be removed', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const inner = await session.mkdir(dir, 'inner')
    assertStatus(await rmdir(session, inner, '.'), 'NFS3ERR_INVAL')
    // The RFC names NFS3ERR_EXIST, POSIX ENOTEMPTY, and clients are told to rely on neither.
    const parent = statusName(await rmdir(session, inner, '..'))
    assert.ok(['NFS3ERR_EXIST', 'NFS3ERR_NOTEMPTY'].includes(parent), parent)
    for (const name of ['.', '..']) assert.notEqual((await remove(session, inner, name)).status, 0)
    assert.deepEqual(await session.lookup(dir, 'inner'), inner)
  })
})

for (const [name, procedure] of [
  ['REMOVE', remove],
  ['RMDIR', rmdir],
] as const) {
  const make = (session: Session, dir: Buffer, entry: string): Promise<Buffer> =>
    name === 'RMDIR' ? session.mkdir(dir, entry) : session.create(dir, entry)

  describe(`${name}, as the other`, () => {
    test('weak cache consistency is true, also of what fails', async () => {
      const { session, dir } = await share.workplace(ALICE)
      await make(session, dir, 'entry')
      for (const status of ['NFS3_OK', 'NFS3ERR_NOENT'] as const) {
        const result = await withTrueWcc(
          session,
          dir,
          () => procedure(session, dir, 'entry'),
          ({ dir_wcc }) => dir_wcc,
        )
        assertStatus(result, status)
      }
    })

    test('NFS3ERR_NOTDIR in what is no directory', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const file = await session.create(dir, 'file')
      assertStatus(await procedure(session, file, 'entry'), 'NFS3ERR_NOTDIR')
    })

    test('NFS3ERR_NAMETOOLONG above 255 bytes', async () => {
      const { session, dir } = await share.workplace(ALICE)
      assertStatus(await procedure(session, dir, 'n'.repeat(256)), 'NFS3ERR_NAMETOOLONG')
      await make(session, dir, 'n'.repeat(255))
      assertStatus(await procedure(session, dir, 'n'.repeat(255)), 'NFS3_OK')
    })

    test('NFS3ERR_ACCES for the empty name', async () => {
      const { session, dir } = await share.workplace(ALICE)
      assertStatus(await procedure(session, dir, ''), 'NFS3ERR_ACCES')
    })

    test('needs permission to write and search the directory: NFS3ERR_ACCES', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const inner = await session.mkdir(dir, 'inner')
      await make(session, inner, 'entry')
      for (const mode of [0o755, 0o752, 0o750]) {
        await session.set(inner, { mode })
        const result = await procedure(session.as(BOB), inner, 'entry')
        assertStatus(result, 'NFS3ERR_ACCES', mode.toString(8))
      }
      await session.set(inner, { mode: 0o753 })
      assertStatus(await procedure(session.as(BOB), inner, 'entry'), 'NFS3_OK')
    })

    test('in a sticky directory: by its owner, the entry’s, and root', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const inner = await session.mkdir(dir, 'inner')
      await session.set(inner, { mode: 0o1777 })
      const carol = { uid: 1003, gid: 1003 }
      for (const [by, status] of [
        [carol, 'NFS3ERR_PERM'],
        [BOB, 'NFS3_OK'],
        [ALICE, 'NFS3_OK'],
        [ROOT, 'NFS3_OK'],
      ] as const) {
        await make(session.as(BOB), inner, `by ${by.uid}`)
        assertStatus(await procedure(session.as(by), inner, `by ${by.uid}`), status, `${by.uid}`)
      }
    })
  })
}
