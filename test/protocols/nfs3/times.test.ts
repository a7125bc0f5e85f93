/** Which times which operation marks, as POSIX has it, with access times as relatime keeps them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ok } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, type Session } from '../session.ts'
import { changesBy } from './expectations.ts'

const share = await serveShare()
const cookieverf = Buffer.alloc(8)

interface Scene {
  readonly session: Session
  readonly dir: Buffer
  readonly file: Buffer
}

async function scene(): Promise<Scene> {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file', { data: 'content' })
  await session.read(file, 0, 1)
  await session.names(dir)
  return { session, dir, file }
}

type Operation = (scene: Scene) => Promise<unknown>
type Times = readonly string[]

/** Operation, what it marks of the file, and what of the directory that the file is in. */
const operations: readonly (readonly [string, Operation, Times, Times])[] = [
  ['GETATTR', ({ session, file }) => session.attributes(file), [], []],
  ['LOOKUP', ({ session, dir }) => session.lookup(dir, 'file'), [], []],
  ['ACCESS', ({ session, file }) => session.nfs.access({ object: file, access: 63 }), [], []],
  ['a second READ', ({ session, file }) => session.readAll(file), [], []],
  ['a second READDIR', ({ session, dir }) => session.names(dir), [], []],
  ['WRITE', ({ session, file }) => session.write(file, 0, 'c'), ['ctime', 'mtime'], []],
  [
    'unstable WRITE and COMMIT',
    async ({ session, file }) => {
      await session.write(file, 0, 'c', 0)
      await session.commit(file)
    },
    ['ctime', 'mtime'],
    [],
  ],
  ['COMMIT alone', ({ session, file }) => session.commit(file), [], []],
  ['chmod', ({ session, file }) => session.set(file, { mode: 0o640 }), ['ctime'], []],
  ['truncate', ({ session, file }) => session.set(file, { size: 3 }), ['ctime', 'mtime'], []],
  ['LINK', ({ session, dir, file }) => session.link(file, dir, 'b'), ['ctime'], ['ctime', 'mtime']],
  [
    'RENAME',
    ({ session, dir }) => session.rename(dir, 'file', dir, 'b'),
    ['ctime'],
    ['ctime', 'mtime'],
  ],
  ['CREATE of another', ({ session, dir }) => session.create(dir, 'b'), [], ['ctime', 'mtime']],
  ['MKDIR', ({ session, dir }) => session.mkdir(dir, 'b'), [], ['ctime', 'mtime']],
  ['SYMLINK', ({ session, dir }) => session.symlink(dir, 'b', 'c'), [], ['ctime', 'mtime']],
  ['FSSTAT', ({ session, dir }) => session.nfs.fsstat({ fsroot: dir }), [], []],
]

for (const [name, operation, ofFile, ofDirectory] of operations) {
  test(`${name} marks ${ofFile.join(', ') || 'nothing'} of the file`, async () => {
    const set = await scene()
    let marked: Times = []
    const timesOf = (changed: Times): Times => changed.filter((field) => field.endsWith('time'))
    const onDirectory = await changesBy(set.session, set.dir, async () => {
      marked = timesOf(await changesBy(set.session, set.file, () => operation(set)))
    })
    assert.deepEqual(marked, ofFile)
    assert.deepEqual(timesOf(onDirectory), ofDirectory)
  })
}

test('what an operation marks, it marks with one and the same moment', async () => {
  const { session, dir, file } = await scene()
  await session.link(file, dir, 'second')
  const { ctime } = await session.attributes(file)
  const directory = await session.attributes(dir)
  assert.deepEqual([directory.mtime, directory.ctime], [ctime, ctime])
  await session.write(file, 0, 'x')
  const written = await session.attributes(file)
  assert.deepEqual(written.mtime, written.ctime)
})

describe('access times (mount(8), relatime)', () => {
  test('the first READ behind a change is remembered, the next are not', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'content' })
    const read = () => session.read(file, 0, 7)
    assert.deepEqual(await changesBy(session, file, read), ['atime'])
    assert.deepEqual(await changesBy(session, file, read), [])
    await session.write(file, 0, 'C')
    assert.deepEqual(await changesBy(session, file, read), ['atime'])
    await session.set(file, { mode: 0o600 })
    assert.deepEqual(await changesBy(session, file, read), ['atime'])
    assert.deepEqual(await changesBy(session, file, read), [])
  })

  test('a refused READ marks nothing', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { mode: 0o600, data: 'content' })
    const other = session.as({ uid: 5, gid: 5 })
    const refused = () => other.nfs.read({ file, offset: 0, count: 1 })
    assert.deepEqual(await changesBy(session, file, refused), [])
  })

  test('an access time that lies ahead stays', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'content' })
    const time = { seconds: 4_000_000_000, nseconds: 0 }
    await session.set(file, { atime: { how: 2, time } })
    await session.read(file, 0, 7)
    assert.deepEqual((await session.attributes(file)).atime, time)
  })

  test('READDIRPLUS marks the directory and none of its entries', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'content' })
    const args = { dir, cookie: 0, cookieverf, dircount: 4096, maxcount: 4096 }
    const list = async () => ok(await session.nfs.readdirplus(args))
    assert.deepEqual(await changesBy(session, file, list), [])
    await session.create(dir, 'another')
    assert.deepEqual(await changesBy(session, dir, list), ['atime'])
  })

  test('are kept over a crash once something behind them was acknowledged', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'content' })
    await session.read(file, 0, 7)
    const { atime } = await session.attributes(file)
    await session.create(dir, 'later')
    await share.crash()
    const again = await share.session(ALICE)
    assert.deepEqual((await again.attributes(file)).atime, atime)
  })
})
