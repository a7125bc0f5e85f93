/** A size that takes work before it can be given: none is done for who may not give it. */
import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'
import { GRANULE } from '../../../src/platform/limits.ts'
import { createmode3 } from '../../../src/protocols/nfs3/procedures/create.ts'
import { sattr } from '../../client/nfs3-client.ts'
import { SHARE } from '../../commands/engine-fixture.ts'
import { scatteredFile } from '../../commands/scattered-file.ts'
import { temporaryDirectory } from '../../temporary.ts'
import { serveEngine } from '../served-engine.ts'
import { ALICE, BOB, ROOT, type Session } from '../session.ts'
import { assertStatus } from './expectations.ts'

/** Of which half goes and half stays: both more than one record deletes or moves. */
const EXTENTS = 20_000
const HALF = (EXTENTS / 2) * GRANULE
const NAME = 'large'

const { path: data, remove } = temporaryDirectory('costly-resize')
process.once('exit', remove)

const { engine, open } = await serveEngine(data)
const ino = await scatteredFile(engine, NAME, EXTENTS)
const session = await open()
const root = session.as(ROOT)
const file = await session.lookup(session.root, NAME)
const counts = mock.method(engine.world.extents, 'count')
const counted = () => counts.mock.callCount()
beforeEach(() => counts.mock.resetCalls())

const resize = (by: Session, object = file, more: Parameters<typeof sattr>[0] = {}) =>
  by.nfs.setattr({ object, new_attributes: sattr({ size: HALF, ...more }), guard: undefined })

const createAgain = (by: Session) => {
  const how = { mode: createmode3.UNCHECKED, obj_attributes: sattr({ size: HALF }) }
  return by.nfs.create({ where: { dir: session.root, name: NAME }, how })
}

const sizeNow = async () => (await root.attributes(file)).size

test('SETATTR without permission counts nothing', async () => {
  await root.set(file, { mode: 0o644 })
  const bob = session.as(BOB)
  assertStatus(await resize(bob), 'NFS3ERR_ACCES')
  assertStatus(await resize(bob, file, { mode: 0o777 }), 'NFS3ERR_PERM')
  const ctime = (await root.attributes(file)).ctime
  const args = { object: file, new_attributes: sattr({ size: HALF }) }
  assertStatus(await bob.nfs.setattr({ ...args, guard: ctime }), 'NFS3ERR_ACCES')
  assert.equal(counted(), 0)
  assert.equal(await sizeNow(), 2 * HALF)
})

test('a guarded SETATTR without permission seals nothing', async () => {
  const object = await root.create(session.root, 'staged', { mode: 0o644 })
  await root.write(object, 0, 'staged', 0)
  const guard = (await root.attributes(object)).ctime
  const args = { object, new_attributes: sattr({ size: 0 }), guard }
  assertStatus(await session.as(BOB).nfs.setattr(args), 'NFS3ERR_ACCES')
  assert.equal(engine.staging.bytes, 6)
  assertStatus(await root.nfs.setattr({ ...args, guard }), 'NFS3_OK')
})

test('UNCHECKED CREATE without permission counts nothing', async () => {
  await root.set(session.root, { mode: 0o777 })
  assertStatus(await createAgain(session.as(BOB)), 'NFS3ERR_ACCES')
  await root.set(file, { mode: 0o666 })
  await root.set(session.root, { mode: 0o700 })
  assertStatus(await createAgain(session.as(BOB)), 'NFS3ERR_ACCES')
  await root.set(session.root, { mode: 0o777 })
  assert.equal(counted(), 0)
  assert.equal(await sizeNow(), 2 * HALF)
})

test('a moment of the past is read-only without counting its file of now', async () => {
  const history = await session.lookup(session.root, '.history')
  const moment = await session.lookup(history, `${engine.stream.decided}`)
  const old = await session.lookup(moment, NAME)
  assertStatus(await resize(root, old), 'NFS3ERR_ROFS')
  assert.equal(counted(), 0)
})

test('a permission that is withdrawn meanwhile is looked at again', async () => {
  await root.set(file, { mode: 0o666 })
  const [late, later] = [resize(session.as(BOB)), createAgain(session.as(ALICE))]
  while (counted() === 0) await new Promise((resolve) => setImmediate(resolve))
  await root.set(file, { mode: 0o600 })
  assertStatus(await late, 'NFS3ERR_ACCES')
  assertStatus(await later, 'NFS3ERR_ACCES')
  assert.ok(counted() > 3, `${counted()} pieces`)
  assert.equal(await sizeNow(), 2 * HALF)
})

test('a count that fails is an answer, and the server goes on', async () => {
  counts.mock.mockImplementationOnce(() => false, 0)
  counts.mock.mockImplementationOnce(() => {
    throw new Error('medium')
  }, 1)
  await assert.rejects(resize(root), /SYSTEM_ERR/)
  assert.equal(await sizeNow(), 2 * HALF)
})

test('who may gives it, when it is counted', async () => {
  await root.set(file, { mode: 0o666 })
  assertStatus(await resize(session.as(BOB)), 'NFS3_OK')
  const inode = engine.world.live(SHARE).inode(ino)
  assert.deepEqual([inode?.size, inode?.used], [HALF, HALF])
})
