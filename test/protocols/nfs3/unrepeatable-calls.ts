/** Calls that must happen once, however often they arrive: what each needs before, and after. */
import assert from 'node:assert/strict'
import { createmode3 } from '../../../src/protocols/nfs3/procedures/create.ts'
import { ftype3, time_how } from '../../../src/protocols/nfs3/wire-types.ts'
import { nfs3, sattr } from '../../client/nfs3-client.ts'
import { ALICE, BOB, type Session } from '../session.ts'
import type { StatusName } from './expectations.ts'

export interface UnrepeatableCall {
  readonly name: string
  readonly status: StatusName
  /** Sets the scene in a directory of the call's own, and returns the message. */
  readonly prepare: (session: Session, dir: Buffer) => Promise<Buffer>
  /** Changes what the call was about, so that it would find another world if it ran again. */
  readonly meddle: (session: Session, dir: Buffer) => Promise<unknown>
  /** The call happened once, before the meddling. */
  readonly verify: (session: Session, dir: Buffer) => Promise<void>
}

const { UNCHECKED, GUARDED, EXCLUSIVE } = createmode3
type Wanted = Parameters<typeof sattr>[0]

const createCall = (
  { rpc, credentials }: Session,
  dir: Buffer,
  name: string,
  mode: typeof UNCHECKED | typeof GUARDED,
  wanted: Wanted = { mode: 0o640 },
): Buffer => {
  const how = { mode, obj_attributes: sattr(wanted) }
  return rpc.encode(nfs3.create, { where: { dir, name }, how }, { credentials })
}

const exclusiveCall = ({ rpc, credentials }: Session, dir: Buffer, verifier: number): Buffer => {
  const how = { mode: EXCLUSIVE, verf: Buffer.alloc(8, verifier) }
  return rpc.encode(nfs3.create, { where: { dir, name: 'it' }, how }, { credentials })
}

const setattrCall = async (
  session: Session,
  object: Buffer,
  wanted: Wanted,
  guarded = false,
): Promise<Buffer> => {
  const { rpc, credentials } = session
  const guard = guarded ? (await session.attributes(object)).ctime : undefined
  const args = { object, new_attributes: sattr(wanted), guard }
  return rpc.encode(nfs3.setattr, args, { credentials })
}

const renameCall = ({ rpc, credentials }: Session, dir: Buffer, from: string, to: string): Buffer =>
  rpc.encode(nfs3.rename, { from: { dir, name: from }, to: { dir, name: to } }, { credentials })

const nameCall = (
  { rpc, credentials }: Session,
  procedure: typeof nfs3.remove | typeof nfs3.rmdir,
  dir: Buffer,
): Buffer => rpc.encode(procedure, { object: { dir, name: 'it' } }, { credentials })

/** The new object is removed and another takes its name: a second run would find it there. */
async function replaceIt(session: Session, dir: Buffer): Promise<void> {
  await session.remove(dir, 'it')
  await session.create(dir, 'it', { data: 'another' })
}

async function itIsAnother(session: Session, dir: Buffer): Promise<void> {
  assert.equal((await session.readAll(await session.lookup(dir, 'it'))).toString(), 'another')
  assert.deepEqual(await session.names(dir), ['it'])
}

const makeIt = (session: Session, dir: Buffer): Promise<Buffer> =>
  session.create(dir, 'it', { data: 'content' })

const contentOf = async (session: Session, dir: Buffer, name = 'it'): Promise<string> =>
  (await session.readAll(await session.lookup(dir, name))).toString()

const creations: readonly UnrepeatableCall[] = [
  {
    name: 'CREATE unchecked, of a new file',
    status: 'NFS3_OK',
    prepare: async (session, dir) => createCall(session, dir, 'it', UNCHECKED),
    meddle: replaceIt,
    verify: itIsAnother,
  },
  {
    name: 'CREATE unchecked, of a file that exists',
    status: 'NFS3_OK',
    prepare: async (session, dir) => {
      await makeIt(session, dir)
      return createCall(session, dir, 'it', UNCHECKED)
    },
    meddle: replaceIt,
    verify: itIsAnother,
  },
  {
    name: 'CREATE unchecked, which empties a file',
    status: 'NFS3_OK',
    prepare: async (session, dir) => {
      await makeIt(session, dir)
      return createCall(session, dir, 'it', UNCHECKED, { size: 0 })
    },
    meddle: async (session, dir) => session.write(await session.lookup(dir, 'it'), 0, 'new'),
    verify: async (session, dir) => assert.equal(await contentOf(session, dir), 'new'),
  },
  {
    name: 'CREATE guarded',
    status: 'NFS3_OK',
    prepare: async (session, dir) => createCall(session, dir, 'it', GUARDED, { size: 5 }),
    meddle: replaceIt,
    verify: itIsAnother,
  },
  {
    name: 'CREATE guarded, refused',
    status: 'NFS3ERR_EXIST',
    prepare: async (session, dir) => {
      await makeIt(session, dir)
      return createCall(session, dir, 'it', GUARDED)
    },
    meddle: (session, dir) => session.remove(dir, 'it'),
    verify: async (session, dir) => assert.deepEqual(await session.names(dir), []),
  },
  {
    name: 'CREATE exclusive',
    status: 'NFS3_OK',
    prepare: async (session, dir) => exclusiveCall(session, dir, 1),
    meddle: replaceIt,
    verify: itIsAnother,
  },
  {
    name: 'CREATE exclusive, a second call with the same verifier',
    status: 'NFS3_OK',
    prepare: async (session, dir) => {
      await session.rpc.exchange(exclusiveCall(session, dir, 2))
      return exclusiveCall(session, dir, 2)
    },
    meddle: replaceIt,
    verify: itIsAnother,
  },
  {
    name: 'CREATE exclusive, refused',
    status: 'NFS3ERR_EXIST',
    prepare: async (session, dir) => {
      await makeIt(session, dir)
      return exclusiveCall(session, dir, 3)
    },
    meddle: (session, dir) => session.remove(dir, 'it'),
    verify: async (session, dir) => assert.deepEqual(await session.names(dir), []),
  },
  {
    name: 'CREATE without permission',
    status: 'NFS3ERR_ACCES',
    prepare: async (session, dir) => {
      await session.set(dir, { mode: 0o755 })
      return createCall(session.as(BOB), dir, 'it', GUARDED)
    },
    meddle: (session, dir) => session.set(dir, { mode: 0o777 }),
    verify: async (session, dir) => assert.deepEqual(await session.names(dir), []),
  },
  {
    name: 'MKDIR',
    status: 'NFS3_OK',
    prepare: async ({ rpc, credentials }, dir) => {
      const args = { where: { dir, name: 'it' }, attributes: sattr({ mode: 0o700 }) }
      return rpc.encode(nfs3.mkdir, args, { credentials })
    },
    meddle: async (session, dir) => session.rename(dir, 'it', dir, 'moved'),
    verify: async (session, dir) => assert.deepEqual(await session.names(dir), ['moved']),
  },
  {
    name: 'SYMLINK',
    status: 'NFS3_OK',
    prepare: async ({ rpc, credentials }, dir) => {
      const symlink = { symlink_attributes: sattr(), symlink_data: 'target' }
      return rpc.encode(nfs3.symlink, { where: { dir, name: 'it' }, symlink }, { credentials })
    },
    meddle: replaceIt,
    verify: itIsAnother,
  },
  {
    name: 'MKNOD',
    status: 'NFS3_OK',
    prepare: async ({ rpc, credentials }, dir) => {
      const what = { type: ftype3.NF3FIFO, pipe_attributes: sattr() }
      return rpc.encode(nfs3.mknod, { where: { dir, name: 'it' }, what }, { credentials })
    },
    meddle: replaceIt,
    verify: itIsAnother,
  },
  {
    name: 'LINK',
    status: 'NFS3_OK',
    prepare: async (session, dir) => {
      const file = await session.create(dir, 'first')
      const args = { file, link: { dir, name: 'it' } }
      return session.rpc.encode(nfs3.link, args, { credentials: session.credentials })
    },
    meddle: async (session, dir) => session.remove(dir, 'it'),
    verify: async (session, dir) => {
      const { nlink } = await session.attributes(await session.lookup(dir, 'first'))
      assert.equal(nlink, 1)
    },
  },
]

const removals: readonly UnrepeatableCall[] = [
  {
    name: 'REMOVE',
    status: 'NFS3_OK',
    prepare: async (session, dir) => {
      await makeIt(session, dir)
      return nameCall(session, nfs3.remove, dir)
    },
    meddle: (session, dir) => session.create(dir, 'it', { data: 'another' }),
    verify: itIsAnother,
  },
  {
    name: 'REMOVE, refused',
    status: 'NFS3ERR_NOENT',
    prepare: async (session, dir) => nameCall(session, nfs3.remove, dir),
    meddle: (session, dir) => session.create(dir, 'it', { data: 'another' }),
    verify: itIsAnother,
  },
  {
    name: 'RMDIR',
    status: 'NFS3_OK',
    prepare: async (session, dir) => {
      await session.mkdir(dir, 'it')
      return nameCall(session, nfs3.rmdir, dir)
    },
    meddle: (session, dir) => session.mkdir(dir, 'it'),
    verify: async (session, dir) => assert.deepEqual(await session.names(dir), ['it']),
  },
  {
    name: 'RENAME',
    status: 'NFS3_OK',
    prepare: async (session, dir) => {
      await makeIt(session, dir)
      return renameCall(session, dir, 'it', 'renamed')
    },
    meddle: (session, dir) => session.create(dir, 'it', { data: 'another' }),
    verify: async (session, dir) => {
      assert.equal(await contentOf(session, dir), 'another')
      assert.equal(await contentOf(session, dir, 'renamed'), 'content')
    },
  },
  {
    name: 'RENAME over a file',
    status: 'NFS3_OK',
    prepare: async (session, dir) => {
      await makeIt(session, dir)
      await session.create(dir, 'target', { data: 'replaced' })
      return renameCall(session, dir, 'it', 'target')
    },
    meddle: (session, dir) => session.create(dir, 'it', { data: 'another' }),
    verify: async (session, dir) => {
      assert.equal(await contentOf(session, dir), 'another')
      assert.equal(await contentOf(session, dir, 'target'), 'content')
    },
  },
  {
    name: 'RENAME onto a link to the same file',
    status: 'NFS3_OK',
    prepare: async (session, dir) => {
      await session.link(await makeIt(session, dir), dir, 'second')
      return renameCall(session, dir, 'it', 'second')
    },
    meddle: async (session, dir) => {
      await session.remove(dir, 'second')
      await session.create(dir, 'second')
    },
    verify: async (session, dir) => assert.equal(await contentOf(session, dir), 'content'),
  },
]

const attributes: readonly UnrepeatableCall[] = [
  {
    name: 'SETATTR of the mode',
    status: 'NFS3_OK',
    prepare: async (session, dir) => setattrCall(session, await makeIt(session, dir), { mode: 0 }),
    meddle: async (session, dir) => session.set(await session.lookup(dir, 'it'), { mode: 0o644 }),
    verify: async (session, dir) => {
      const { mode } = await session.attributes(await session.lookup(dir, 'it'))
      assert.equal(mode, 0o644)
    },
  },
  {
    name: 'SETATTR of the size',
    status: 'NFS3_OK',
    prepare: async (session, dir) => setattrCall(session, await makeIt(session, dir), { size: 2 }),
    meddle: async (session, dir) => session.write(await session.lookup(dir, 'it'), 2, 'new'),
    verify: async (session, dir) => assert.equal(await contentOf(session, dir), 'conew'),
  },
  {
    name: 'SETATTR of the times to the server’s',
    status: 'NFS3_OK',
    prepare: async (session, dir) => {
      const now = { how: time_how.SET_TO_SERVER_TIME }
      return setattrCall(session, await makeIt(session, dir), { atime: now, mtime: now })
    },
    meddle: async (session, dir) => {
      const mtime = { how: time_how.SET_TO_CLIENT_TIME, time: { seconds: 7, nseconds: 0 } }
      await session.set(await session.lookup(dir, 'it'), { mtime })
    },
    verify: async (session, dir) => {
      const { mtime } = await session.attributes(await session.lookup(dir, 'it'))
      assert.equal(mtime.seconds, 7)
    },
  },
  {
    name: 'SETATTR with a guard',
    status: 'NFS3_OK',
    prepare: async (session, dir) =>
      setattrCall(session, await makeIt(session, dir), { mode: 0o600 }, true),
    meddle: async (session, dir) => session.set(await session.lookup(dir, 'it'), { mode: 0o644 }),
    verify: async (session, dir) => {
      const { mode } = await session.attributes(await session.lookup(dir, 'it'))
      assert.equal(mode, 0o644)
    },
  },
  {
    name: 'SETATTR with a guard, refused',
    status: 'NFS3ERR_NOT_SYNC',
    prepare: async (session, dir) => {
      const file = await makeIt(session, dir)
      const message = await setattrCall(session, file, { mode: 0o600 }, true)
      await session.set(file, { mode: 0o644 })
      return message
    },
    meddle: async (session, dir) => session.set(await session.lookup(dir, 'it'), { mode: 0o640 }),
    verify: async (session, dir) => {
      const { mode } = await session.attributes(await session.lookup(dir, 'it'))
      assert.equal(mode, 0o640)
    },
  },
  {
    name: 'SETATTR without permission',
    status: 'NFS3ERR_PERM',
    prepare: async (session, dir) =>
      setattrCall(session.as(BOB), await makeIt(session, dir), { mode: 0o777 }),
    meddle: async (session, dir) => {
      const asRoot = session.as({ uid: 0, gid: 0 })
      await asRoot.set(await session.lookup(dir, 'it'), { uid: BOB.uid })
    },
    verify: async (session, dir) => {
      const { mode, uid } = await session.attributes(await session.lookup(dir, 'it'))
      assert.deepEqual([mode, uid], [0o644, BOB.uid])
      assert.notEqual(uid, ALICE.uid)
    },
  },
]

export const unrepeatableCalls = [...creations, ...removals, ...attributes]
