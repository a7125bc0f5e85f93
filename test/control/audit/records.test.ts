/**
 * Everything that happens leaves a record that says who, from where, how, what, and what came of
 * it.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { AuditEntry } from '../../../src/control/audit/entry.ts'
import { createmode3 } from '../../../src/protocols/nfs3/procedures/create.ts'
import { stable_how } from '../../../src/protocols/nfs3/procedures/write.ts'
import { ftype3 } from '../../../src/protocols/nfs3/wire-types.ts'
import { Mount3Client } from '../../client/mount3-client.ts'
import { sattr } from '../../client/nfs3-client.ts'
import { ALICE, BOB, ROOT, Session } from '../../protocols/session.ts'
import { temporaryDirectory } from '../../temporary.ts'
import { RunningServer, sharePath } from '../running-server.ts'
import { auditOf, comparable, recordOf, recordsOf } from './audit-reader.ts'

const { path: data, remove } = temporaryDirectory('audit')
let server: RunningServer
let root: Session
let ada: Session
/** Everybody's. */
let dir: Buffer

before(async () => {
  server = await RunningServer.start(data, '--share-squash', 'none')
  await server.ask('POST', '/v1/users', { name: 'ada', uid: ALICE.uid })
  root = await Session.open(server.nfsPort, ROOT)
  ada = root.as(ALICE)
  dir = await root.mkdir(root.root, 'd', 0o777)
})
after(async () => {
  await root.close()
  await server.stop()
  remove()
})

const byAda = {
  user: 'ada',
  uid: ALICE.uid,
  gid: ALICE.gid,
  client: '127.0.0.1',
  protocol: 'nfs3',
  share: '/export',
  result: 'ok',
} as const
const byBob = { ...byAda, user: String(BOB.uid), uid: BOB.uid, gid: BOB.gid }
const byToken = { user: 'token', uid: 0, gid: 0, client: '127.0.0.1', protocol: 'admin' } as const

const bytes = (text: string) => Buffer.from(text).toString('latin1')
const owned = { uid: { new: ALICE.uid }, gid: { new: ALICE.gid } }

describe('a change over NFS', () => {
  let file: Buffer

  test('of the tree', async () => {
    const path = '/export/d/file'
    const made = { mode: { new: '0640' }, ...owned }
    const create = await recordOf(server, async () => {
      file = await ada.create(dir, 'file', { mode: 0o640 })
    })
    assert.deepEqual(create, {
      ...byAda,
      operation: 'CREATE',
      command: 'CreateFile',
      path,
      changes: made,
    })
    assert.deepEqual(await recordOf(server, () => ada.mkdir(dir, 'sub', 0o750)), {
      ...byAda,
      operation: 'MKDIR',
      command: 'CreateDirectory',
      path: '/export/d/sub',
      changes: { mode: { new: '0750' }, ...owned },
    })
    const symlink = await recordOf(server, () => ada.symlink(dir, 'sym', bytes('../täglich')))
    assert.deepEqual(symlink.changes?.['target'], { new: '../täglich' })
    assert.deepEqual([symlink.operation, symlink.path], ['SYMLINK', '/export/d/sym'])
    const fifo = await recordOf(server, () => ada.mknod(dir, 'fifo', { type: ftype3.NF3FIFO }))
    assert.deepEqual([fifo.operation, fifo.path], ['MKNOD', '/export/d/fifo'])
    const link = await recordOf(server, () => ada.link(file, dir, 'other'))
    assert.deepEqual([link.operation, link.path], ['LINK', '/export/d/other'])
    assert.deepEqual(await recordOf(server, () => ada.rename(dir, 'sym', dir, 'other')), {
      ...byAda,
      operation: 'RENAME',
      command: 'RenameEntry',
      path: '/export/d/sym',
      to: '/export/d/other',
      changes: { replaced: { old: (await ada.attributes(file)).fileid } },
    })
    assert.deepEqual(await recordOf(server, () => ada.remove(dir, 'other')), {
      ...byAda,
      operation: 'REMOVE',
      command: 'RemoveFile',
      path: '/export/d/other',
    })
    const rmdir = await recordOf(server, () => ada.nfs.rmdir({ object: { dir, name: 'sub' } }))
    assert.deepEqual([rmdir.operation, rmdir.path], ['RMDIR', '/export/d/sub'])
  })

  test('of attributes and content says what was before', async () => {
    const set = await recordOf(server, () => root.set(file, { mode: 0o600, gid: 7 }))
    assert.deepEqual(set.changes, {
      mode: { old: '0640', new: '0600' },
      gid: { old: ALICE.gid, new: 7 },
    })
    assert.deepEqual([set.user, set.path], ['0', '/export/d/file'])
    const write = await recordOf(server, () => ada.write(file, 10, 'hello'))
    assert.deepEqual(write, {
      ...byAda,
      operation: 'WRITE',
      command: 'WriteContent',
      path: '/export/d/file',
      changes: { size: { old: 0, new: 15 } },
      // What is stored anew: whole granules.
      ranges: [[0, 15]],
    })
    const unstable = await recordOf(server, async () => {
      await ada.write(file, 0, 'abc', stable_how.UNSTABLE)
      await ada.commit(file)
    })
    assert.deepEqual([unstable.operation, unstable.user], ['WRITE', 'ada'])
    assert.deepEqual(unstable.changes, { size: { old: 15, new: 15 } })
    const cut = await recordOf(server, () => ada.set(file, { size: 4 }))
    assert.equal(cut.operation, 'SETATTR')
    assert.deepEqual(cut.changes, { size: { old: 15, new: 4 } })
  })

  test('that is refused is there with the reason', async () => {
    const bob = root.as(BOB)
    const closed = await root.mkdir(root.root, 'closed', 0o700)
    await root.create(closed, 'secret', { mode: 0o600 })
    const where = { dir: closed, name: 'x' }
    const attributes = sattr()
    const at = (name: string) => ({ dir: closed, name })
    const attempts: Record<string, () => Promise<unknown>> = {
      CREATE: () =>
        bob.nfs.create({ where, how: { mode: createmode3.GUARDED, obj_attributes: attributes } }),
      MKDIR: () => bob.nfs.mkdir({ where, attributes }),
      SYMLINK: () =>
        bob.nfs.symlink({ where, symlink: { symlink_attributes: attributes, symlink_data: 'y' } }),
      MKNOD: () =>
        bob.nfs.mknod({ where, what: { type: ftype3.NF3FIFO, pipe_attributes: attributes } }),
      REMOVE: () => bob.nfs.remove({ object: where }),
      RMDIR: () => bob.nfs.rmdir({ object: where }),
      LINK: () => bob.nfs.link({ file, link: where }),
    }
    for (const [operation, attempt] of Object.entries(attempts)) {
      const { command, ...entry } = await recordOf(server, attempt)
      assert.ok(command)
      const expected = { ...byBob, operation, path: '/export/closed/x', result: 'accessDenied' }
      assert.deepEqual(entry, expected)
    }
    const rename = await recordOf(server, () =>
      bob.nfs.rename({ from: at('secret'), to: { dir, name: 'mine' } }),
    )
    assert.deepEqual(
      [rename.path, rename.to, rename.result],
      ['/export/closed/secret', '/export/d/mine', 'accessDenied'],
    )
    const secret = await root.lookup(closed, 'secret')
    const chmod = await recordOf(server, () =>
      bob.nfs.setattr({ object: secret, new_attributes: sattr({ mode: 0o777 }), guard: undefined }),
    )
    assert.deepEqual(
      [chmod.operation, chmod.path, chmod.result],
      ['SETATTR', '/export/closed/secret', 'notPermitted'],
    )
    const data = Buffer.from('x')
    const write = await recordOf(server, () =>
      bob.nfs.write({ file: secret, offset: 0, count: 1, stable: stable_how.FILE_SYNC, data }),
    )
    assert.deepEqual(
      [write.operation, write.path, write.result],
      ['WRITE', '/export/closed/secret', 'accessDenied'],
    )
  })

  test('with a handle that leads nowhere any more', async () => {
    const gone = await ada.create(dir, 'gone')
    await ada.remove(dir, 'gone')
    const entry = await recordOf(server, () =>
      ada.nfs.setattr({ object: gone, new_attributes: sattr({ mode: 0 }), guard: undefined }),
    )
    assert.deepEqual([entry.operation, entry.result, entry.path], ['SETATTR', 'stale', undefined])
  })
})

describe('a mount', () => {
  test('is there, and its end', async () => {
    const mount = new Mount3Client(root.rpc)
    const mnt = await recordOf(server, () => mount.mnt('/export//d/'))
    const entry = {
      ...{ user: '0', uid: 0, gid: 0, client: '127.0.0.1', protocol: 'mount3', result: 'ok' },
      ...{ operation: 'MNT', command: 'MountShare', share: '/export', path: '/export/d' },
    }
    assert.deepEqual({ ...mnt, user: '0', uid: 0, gid: 0 }, entry)
    const umnt = await recordOf(server, () => mount.umnt('/export//d/'))
    assert.deepEqual([umnt.operation, umnt.path], ['UMNT', '/export/d'])
    const all = await recordOf(server, () => mount.umntall())
    assert.deepEqual([all.operation, all.object], ['UMNTALL', 'everything'])
  })

  test('that is refused, too', async () => {
    const mount = new Mount3Client(root.rpc)
    const nowhere = await recordOf(server, () => mount.mnt('/nowhere'))
    assert.deepEqual(
      [nowhere.operation, nowhere.path, nowhere.result, nowhere.client],
      ['MNT', '/nowhere', 'noEntry', '127.0.0.1'],
    )
    await server.ask('POST', '/v1/shares', { name: '/far', options: { allow: ['192.0.2.0/24'] } })
    const far = await recordOf(server, () => mount.mnt('/far'))
    assert.deepEqual([far.path, far.share, far.result], ['/far', '/far', 'accessDenied'])
  })
})

describe('an administrator', () => {
  test('is let in once, and who is not is there at once', async () => {
    const logins = await auditOf(server, { op: 'LOGIN', result: 'ok' })
    assert.deepEqual(logins.map(comparable), [
      { ...byToken, protocol: 'api', operation: 'LOGIN', command: 'LogIn', result: 'ok' },
    ])
    const refused = await recordOf(server, () =>
      server.send('/v1/shares', { headers: { authorization: 'Bearer nonsense' } }),
    )
    assert.deepEqual(refused, {
      ...byToken,
      protocol: 'api',
      operation: 'LOGIN',
      command: 'LogIn',
      user: 'unknown',
      result: 'accessDenied',
    })
  })

  const act = (method: string, path: string, body?: object) => () => server.ask(method, path, body)

  test('who changes a share', async () => {
    const made = await recordOf(
      server,
      act('POST', '/v1/shares', { name: '/s', options: { anonUid: 5 }, mode: '700', uid: 3 }),
    )
    const { changes, ...rest } = made
    const share = { ...byToken, share: '/s', path: '/s', result: 'ok' }
    assert.deepEqual(rest, { ...share, operation: 'CreateShare', command: 'CreateShare' })
    assert.deepEqual(changes?.['anonUid'], { new: 5 })
    assert.deepEqual(changes?.['mode'], { new: '0700' })
    const options = { anonUid: 6, frozen: true }
    const edited = await recordOf(server, act('PATCH', sharePath('/s'), { options }))
    assert.deepEqual(edited, {
      ...share,
      operation: 'EditShare',
      command: 'EditShare',
      changes: { anonUid: { old: 5, new: 6 }, frozen: { old: false, new: true } },
    })
    const deleted = await recordOf(server, act('DELETE', sharePath('/s')))
    assert.deepEqual(deleted, { ...share, operation: 'DeleteShare', command: 'DeleteShare' })
  })

  test('who changes accounts', async () => {
    const user = { uid: 500, name: 'eve', gid: 500, gids: [] }
    const made = await recordOf(server, act('POST', '/v1/users', { name: 'eve', uid: 500 }))
    assert.deepEqual(
      [made.operation, made.object, made.changes],
      ['CreateUser', 'user eve', { user: { new: user } }],
    )
    const gone = await recordOf(server, act('DELETE', '/v1/users/eve'))
    assert.deepEqual(
      [gone.operation, gone.object, gone.changes],
      ['DeleteUser', 'user eve', { user: { old: user } }],
    )
    const group = await recordOf(server, act('POST', '/v1/groups', { name: 'crew', gid: 60 }))
    assert.equal(group.object, 'group crew')
    const removed = await recordOf(server, act('DELETE', '/v1/groups/crew'))
    assert.deepEqual(removed.changes, { group: { old: { gid: 60, name: 'crew' } } })
  })

  test('who is refused: it says about what', async () => {
    const refusals: [() => Promise<unknown>, Partial<AuditEntry>][] = [
      [act('POST', '/v1/shares', { name: '/export' }), { path: '/export', result: 'exists' }],
      [
        act('PATCH', sharePath('/none'), { options: { quota: 1 } }),
        { path: '/none', result: 'unknown' },
      ],
      [act('DELETE', sharePath('/none')), { path: '/none', result: 'unknown' }],
      [act('POST', '/v1/users', { name: 'ada', uid: 9 }), { object: 'user ada', result: 'exists' }],
      [act('DELETE', '/v1/users/nobody'), { object: 'user nobody', result: 'unknown' }],
      [act('DELETE', '/v1/groups/none'), { object: 'group none', result: 'unknown' }],
    ]
    for (const [attempt, expected] of refusals) {
      const { command, operation, ...entry } = await recordOf(server, attempt)
      assert.equal(command, operation)
      assert.deepEqual(entry, { ...byToken, ...expected })
    }
  })
})

describe('the audit level all', () => {
  test('adds reads and lookups, which say whether they were let', async () => {
    const file = await ada.create(dir, 'read', { data: 'text' })
    await server.ask('PATCH', sharePath('/export'), { options: { audit: 'all', atime: 'none' } })
    const entries = await recordsOf(server, async () => {
      await ada.lookup(dir, 'read')
      await ada.read(file, 0, 10)
      await ada.attributes(file)
      await ada.exists(dir, 'missing')
      await root.set(file, { mode: 0o600 })
      await root.as(BOB).nfs.read({ file, offset: 0, count: 1 })
    })
    await server.ask('PATCH', sharePath('/export'), { options: { audit: 'writes' } })
    const some = entries.map(({ operation, user, path, result }) => [operation, user, path, result])
    assert.deepEqual(some, [
      ['LOOKUP', 'ada', '/export/d/read', 'ok'],
      ['READ', 'ada', '/export/d/read', 'ok'],
      ['GETATTR', 'ada', '/export/d/read', 'ok'],
      ['LOOKUP', 'ada', '/export/d/missing', 'noEntry'],
      ['SETATTR', '0', '/export/d/read', 'ok'],
      ['READ', String(BOB.uid), '/export/d/read', 'accessDenied'],
    ])
    assert.deepEqual(await recordsOf(server, () => ada.lookup(dir, 'read')), [])
  })
})
