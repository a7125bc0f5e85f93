import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { SYSTEM } from '../../src/auth/principal.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { blockId } from '../../src/content/block.ts'
import { isHole } from '../../src/journal/fields.ts'
import { BLOCK_MAX, KiB } from '../../src/platform/limits.ts'
import { temporaryDirectory } from '../temporary.ts'
import { createFile, openEngine, readFile, SHARE } from './engine-fixture.ts'

test('a small stable write over a multiple of 1 MiB is two extents', async () => {
  const { path, remove } = temporaryDirectory('stable-write')
  const engine = await openEngine(path)
  try {
    const { content, stream, world } = engine
    const ino = await createFile(engine, 'wide')
    const bytes = randomBytes(32 * KiB)
    const from = BLOCK_MAX - 16 * KiB
    const written = content.write(SHARE, ino, from, bytes, true, NO_ORIGIN, SYSTEM)
    if (typeof written === 'string') throw new Error(written)
    await (typeof written.durable === 'number'
      ? stream.whenDurable(written.durable)
      : written.durable)
    const view = world.live(SHARE)
    const inode = view.inode(ino)
    assert.ok(inode !== undefined)
    const data = [...view.extents(inode, 0, inode.size)].filter((extent) => !isHole(extent))
    const places = data.map(({ offset, length }) => [offset, length])
    assert.deepEqual(places, [
      [from, 16 * KiB],
      [BLOCK_MAX, 16 * KiB],
    ])
    assert.deepEqual((await readFile(engine, ino)).subarray(from), bytes)
  } finally {
    await engine.close()
    remove()
  }
})

test('a small stable write that is not taken leaves what it would have replaced', async () => {
  const { path, remove } = temporaryDirectory('stable-write')
  const engine = await openEngine(path)
  try {
    const { content, stream } = engine
    const ino = await createFile(engine, 'kept')
    const bytes = randomBytes(16 * KiB)
    const write = (some: Buffer, stable: boolean) =>
      content.write(SHARE, ino, 0, some, stable, NO_ORIGIN, SYSTEM)
    write(bytes, false)
    const { submit } = stream
    stream.submit = () => ({ outcome: { kind: 'refused', why: 'noSpace' }, seq: 0 })
    const refused = randomBytes(8 * KiB)
    assert.equal(write(refused, true), 'noSpace')
    assert.ok(!engine.blocks.has(blockId(refused)), 'nobody would let its memory go')
    stream.submit = submit
    assert.deepEqual(await readFile(engine, ino), bytes)
    await content.commit(SHARE, ino)
    assert.deepEqual(await readFile(engine, ino), bytes)
  } finally {
    await engine.close()
    remove()
  }
})
