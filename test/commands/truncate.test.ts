/** Truncation of files of very many extents: in bounded steps, and right at every moment. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Engine } from '../../src/commands/engine.ts'
import { noAttributes } from '../../src/commands/tree/new-object.ts'
import { commandCodes } from '../../src/journal/command-names.ts'
import type { EventOf } from '../../src/journal/events.ts'
import { writtenExtents } from '../../src/journal/written-extents.ts'
import { EXTENTS_PER_RECORD, GRANULE } from '../../src/platform/limits.ts'
import { temporaryDirectory } from '../temporary.ts'
import { check } from './check/damaged-copy.ts'
import { accept, openEngine, readFile, SHARE, writeFile } from './engine-fixture.ts'
import { granule, scatteredFile } from './scattered-file.ts'

/** More than one record may delete. */
const MANY = 5000

let path: string
let remove: () => void
let engine: Engine

beforeEach(async () => {
  ;({ path, remove } = temporaryDirectory('truncate'))
  engine = await openEngine(path)
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
  const live = engine.world.digest()
  await engine.follower.flush()
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
    const { events } = await truncate(ino, (MANY - 1000) * GRANULE)
    assert.deepEqual((events[0] as EventOf<'ContentChanged'>).extents, [])
    assert.deepEqual(await readFile(engine, ino), granules(0, MANY - 1000))
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
})
