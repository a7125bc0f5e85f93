/** Truncation of files of very many extents: in bounded steps, and right at every moment. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, mock, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { SYSTEM } from '../../src/auth/principal.ts'
import type { Engine } from '../../src/commands/engine.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { noAttributes } from '../../src/commands/tree/new-object.ts'
import { commandCodes } from '../../src/journal/command-names.ts'
import type { EventOf } from '../../src/journal/events.ts'
import { writtenExtents } from '../../src/journal/written-extents.ts'
import { EXTENTS_PER_RECORD, GRANULE } from '../../src/platform/limits.ts'
import { nodeId } from '../../src/projections/node-id.ts'
import { Session } from '../protocols/session.ts'
import { ServerProcess } from '../server-process.ts'
import { temporaryDirectory } from '../temporary.ts'
import { check } from './check/damaged-copy.ts'
import { accept, openEngine, readFile, removeFile, SHARE, writeFile } from './engine-fixture.ts'
import { granule, scatteredFile } from './scattered-file.ts'

/** More than one record may delete. */
const MANY = 5000

let path: string
let remove: () => void
let engine: Engine

beforeEach(async () => {
  ;({ path, remove } = temporaryDirectory('truncate'))
  engine = await openEngine(path, { firstShare: { name: '/export', options: { squash: 'none' } } })
})

afterEach(async () => {
  await engine.close()
  remove()
})

const truncate = (ino: number, size: number) =>
  accept(engine, {
    type: 'ChangeAttributes',
    share: SHARE,
    ino,
    size,
    mode: undefined,
    uid: undefined,
    gid: undefined,
    atime: undefined,
    mtime: undefined,
    guard: undefined,
  })

const granules = (from: number, to: number): Buffer =>
  Buffer.concat(Array.from({ length: to - from }, (_, i) => granule(from + i)))

async function reopened(): Promise<void> {
  await engine.close()
  engine = await openEngine(path)
}

/** Everything that fsck looks at, the state folded from the journal anew among it. */
async function assertSound(): Promise<void> {
  await engine.drain()
  await engine.follower.flush()
  const { stream } = engine
  // A sweep may be under way: as of one record, all of which is durable.
  while (stream.durable !== stream.decided) await stream.whenDurable(stream.decided)
  const live = engine.world.digest()
  await engine.close()
  const { found, digest } = await check(path)
  assert.deepEqual(found, [])
  assert.equal(digest, live)
  engine = await openEngine(path)
}

describe('of a file of many extents', () => {
  test('few of which stay, they move to an extent map of their own', async () => {
    const ino = await scatteredFile(engine, 'file', MANY)
    const before = engine.stream.decided
    const size = 3 * GRANULE + 100
    const { events } = await truncate(ino, size)
    const [event] = events as [EventOf<'ContentChanged'>]
    assert.equal(event.extents.length, 4)
    assert.deepEqual(writtenExtents(commandCodes.ChangeAttributes, event), [])
    assert.equal(writtenExtents(commandCodes.WriteContent, event).length, 4)
    const wanted = granules(0, 4).subarray(0, size)
    for (const open of [async () => undefined, reopened]) {
      await open()
      const inode = engine.world.live(SHARE).inode(ino)
      assert.deepEqual([inode?.size, inode?.used], [size, size])
      assert.equal(engine.world.usage(SHARE).bytes, size)
      assert.deepEqual(await readFile(engine, ino), wanted)
      const past = engine.world.asOf(SHARE, before)
      const old = past.inode(ino)
      assert.ok(old !== undefined && old.size === MANY * GRANULE)
      const parts = await engine.content.read(past, old, undefined, 4000 * GRANULE, MANY * GRANULE)
      assert.deepEqual(Buffer.concat(parts as Buffer[]), granules(4000, MANY))
    }
    await assertSound()
    await truncate(ino, 10 * GRANULE)
    await writeFile(engine, ino, 20 * GRANULE, granule(7))
    const grown = Buffer.concat([wanted, Buffer.alloc(20 * GRANULE - size), granule(7)])
    assert.deepEqual(await readFile(engine, ino), grown)
    await assertSound()
  })

  test('holes that stay stay holes', async () => {
    const ino = await scatteredFile(engine, 'file', MANY)
    await truncate(ino, 5 * GRANULE)
    const wide = (2 ** 20 + 7) * GRANULE
    await truncate(ino, wide)
    await truncate(ino, wide - GRANULE)
    assert.equal(engine.world.live(SHARE).inode(ino)?.used, 5 * GRANULE)
    await assertSound()
  })

  test('of which little goes, it is deleted', async () => {
    const ino = await scatteredFile(engine, 'file', MANY)
    const { events } = await truncate(ino, (MANY - 900) * GRANULE)
    assert.deepEqual((events[0] as EventOf<'ContentChanged'>).extents, [])
    assert.deepEqual(await readFile(engine, ino), granules(0, MANY - 900))
    await assertSound()
  })

  test('by creating it again', async () => {
    const ino = await scatteredFile(engine, 'file', MANY)
    const how = { how: 'unchecked', verifier: undefined, size: GRANULE } as const
    const attributes = noAttributes
    const place = { share: SHARE, dir: 1, name: 'file' }
    const { events } = await accept(engine, { type: 'CreateFile', ...place, ...how, attributes })
    assert.ok((events[0] as EventOf<'ContentChanged'>).extents.length < EXTENTS_PER_RECORD)
    assert.deepEqual(await readFile(engine, ino), granule(0))
    await assertSound()
  })

  test('of which much goes and much stays, it is cut at once and swept in pieces', async () => {
    const ino = await scatteredFile(engine, 'file', 4 * MANY)
    const before = engine.stream.decided
    const size = MANY * GRANULE + 100
    const { events } = await truncate(ino, size)
    assert.equal(events[0]?.type, 'ContentCut')
    const wanted = granules(0, MANY + 1).subarray(0, size)
    for (const open of [async () => undefined, reopened]) {
      await open()
      const inode = engine.world.live(SHARE).inode(ino)
      assert.deepEqual([inode?.size, inode?.used], [size, size])
      assert.equal(engine.world.usage(SHARE).bytes, size)
      assert.deepEqual(await readFile(engine, ino), wanted)
      const past = engine.world.asOf(SHARE, before)
      const old = past.inode(ino)
      assert.ok(old !== undefined && old.size === 4 * MANY * GRANULE)
      const end = 2 * MANY * GRANULE
      const parts = await engine.content.read(past, old, undefined, end - 100 * GRANULE, end)
      assert.deepEqual(Buffer.concat(parts as Buffer[]), granules(2 * MANY - 100, 2 * MANY))
    }
    // Still there: a restart came between.
    assert.equal(engine.world.cutOff.all().size, 1)
    await assertSound()
    while (engine.world.cutOff.all().size > 0) await delay(20)
    const swept = engine.world.digests().get(SHARE)?.toString()
    assert.deepEqual(await readFile(engine, ino), wanted)
    await reopened()
    assert.equal(engine.world.digests().get(SHARE)?.toString(), swept)
    await assertSound()
    const content = engine.world.live(SHARE).inode(ino)?.content ?? 0
    assert.equal(engine.world.extents.overlapping(nodeId(SHARE, content), size, 2 ** 40).length, 0)
  })

  test('that was cut grows over what is left of it', async () => {
    const ino = await scatteredFile(engine, 'file', 4 * MANY)
    await truncate(ino, MANY * GRANULE)
    await truncate(ino, (MANY + 1000) * GRANULE)
    await writeFile(engine, ino, (MANY + 500) * GRANULE, granule(3))
    await assertSound()
    // Waits for the sweeper: what it grows over is too much for one record.
    await writeFile(engine, ino, 3 * MANY * GRANULE, granule(5))
    const wanted = Buffer.alloc((3 * MANY + 1) * GRANULE)
    granules(0, MANY).copy(wanted)
    granule(3).copy(wanted, (MANY + 500) * GRANULE)
    granule(5).copy(wanted, 3 * MANY * GRANULE)
    assert.deepEqual(await readFile(engine, ino), wanted)
    await assertSound()
    assert.deepEqual(await readFile(engine, ino), wanted)
  })

  test('that was cut is cut again, emptied and removed', async () => {
    const ino = await scatteredFile(engine, 'file', 4 * MANY)
    await truncate(ino, 3 * MANY * GRANULE)
    await truncate(ino, (MANY + 7) * GRANULE)
    assert.deepEqual(await readFile(engine, ino), granules(0, MANY + 7))
    await assertSound()
    await truncate(ino, 0)
    assert.equal(engine.world.cutOff.all().size, 0)
    await assertSound()
    const other = await scatteredFile(engine, 'other', 4 * MANY)
    await truncate(other, 2 * MANY * GRANULE)
    await removeFile(engine, 'other')
    assert.equal(engine.world.cutOff.all().size, 0)
    assert.equal(engine.world.usage(SHARE).bytes, 0)
    await assertSound()
  })
})

test('a count that fails is nobody’s fault, whoever waits for it', async () => {
  const ino = await scatteredFile(engine, 'file', 4 * MANY)
  const { content, world } = engine
  const size = 2 * MANY * GRANULE
  const { extents } = world
  let pieces = 0
  const count = mock.method(extents, 'count', () => {
    pieces += 1
    if (pieces > 1) throw new Error('medium')
    return false
  })
  // Before anybody waits: this process would end.
  assert.equal(content.mayResize(SHARE, ino, size), false)
  while (pieces < 2) await delay(1)
  await delay(10)
  pieces = 0
  assert.equal(content.mayResize(SHARE, ino, size), false)
  await assert.rejects(content.settled(SHARE, ino, size), /medium/)
  count.mock.restore()
  // What was counted until then is not taken for more than it is.
  while (!content.mayResize(SHARE, ino, size)) await content.settled(SHARE, ino, size)
  await truncate(ino, size)
  assert.equal(world.live(SHARE).inode(ino)?.used, size)
  await assertSound()
})

test('of a deleted share nothing is swept: it all goes when its retention ends', async () => {
  const ino = await scatteredFile(engine, 'file', 4 * MANY)
  await truncate(ino, 2 * MANY * GRANULE)
  await accept(engine, { type: 'DeleteShare', name: '/export' })
  const { decided } = engine.stream
  await delay(100)
  assert.equal(engine.stream.decided, decided)
  const content = engine.world.live(SHARE).inode(ino)?.content ?? 0
  const sweep = { type: 'SweepContent', share: SHARE, ino, content } as const
  assert.deepEqual((await accept(engine, sweep)).events, [])
  await engine.stream.whenDurable(engine.stream.decided)
  await engine.follower.flush()
  await engine.close()
  assert.deepEqual((await check(path)).found, [])
  engine = await openEngine(path)
})

test('nor does anybody wait for it who has written there', { timeout: 60_000 }, async () => {
  const ino = await scatteredFile(engine, 'file', 4 * MANY)
  await truncate(ino, MANY * GRANULE)
  const at = 3 * MANY * GRANULE
  const written = engine.content.write(SHARE, ino, at, granule(5), false, NO_ORIGIN, SYSTEM)
  assert.equal(typeof written, 'object')
  await accept(engine, { type: 'DeleteShare', name: '/export' })
  assert.equal(engine.world.cutOff.all().size, 1, 'there is something to be swept')
  await engine.drain()
})

test('a server that is killed in the midst of a sweep goes on with it', async () => {
  await scatteredFile(engine, 'file', 8 * MANY)
  await engine.drain()
  await engine.follower.flush()
  await engine.close()
  const start = () => ServerProcess.start({ data: path })
  const cutFiles = async () => (await server.metrics()).get('dittofs_cut_files')
  let server = await start()
  let session = await Session.open(server.port, { uid: 0, gid: 0 })
  let file = await session.lookup(session.root, 'file')
  await session.set(file, { size: 4 * MANY * GRANULE })
  assert.equal(await cutFiles(), 1)
  for (let kills = 0; kills < 3; kills++) {
    await delay(60)
    await server.kill()
    await session.close()
    server = await start()
    session = await Session.open(server.port, { uid: 0, gid: 0 })
    file = await session.lookup(session.root, 'file')
    const { size, used } = await session.attributes(file)
    assert.deepEqual([size, used], [4 * MANY * GRANULE, 4 * MANY * GRANULE])
    const last = granules(4 * MANY - 16, 4 * MANY)
    assert.deepEqual(await session.read(file, size - 16 * GRANULE, 16 * GRANULE), last)
  }
  await session.set(file, { size: 5 * MANY * GRANULE })
  const grown = await session.read(file, (5 * MANY - 8) * GRANULE, 8 * GRANULE)
  assert.deepEqual(grown, Buffer.alloc(8 * GRANULE))
  await session.write(file, 6 * MANY * GRANULE, granule(1))
  while ((await cutFiles()) !== 0) await delay(20)
  assert.deepEqual(await session.read(file, 6 * MANY * GRANULE, GRANULE), granule(1))
  await session.close()
  await server.kill()
  assert.deepEqual(server.errors, [])
  engine = await openEngine(path)
  await assertSound()
})
