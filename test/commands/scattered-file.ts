/** A file of very many extents, as writing it a granule at a time at random leaves one. */
import assert from 'node:assert/strict'
import type { Engine } from '../../src/commands/engine.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import type { Extent } from '../../src/journal/fields.ts'
import { BLOCK_MAX, EXTENTS_PER_RECORD, GRANULE } from '../../src/platform/limits.ts'
import { createFile, SHARE, writeFile } from './engine-fixture.ts'

const GRANULES = BLOCK_MAX / GRANULE
/** Rows that may wait for the projections on disk meanwhile. */
const DIRTY_MAX = 50_000

/** Where in the one block that they all lie in the extent with this number begins. */
const placeOf = (i: number): number => ((i * 7 + 1) % GRANULES) * GRANULE

/** What the file has in the granule with this number. */
export function granule(i: number): Buffer {
  const bytes = Buffer.alloc(GRANULE)
  for (let at = 0; at < GRANULE; at += 4) bytes.writeUInt32LE(placeOf(i) + at, at)
  return bytes
}

/** Makes one of `count` extents of a granule each; resolves to its inode number. */
export async function scatteredFile(engine: Engine, name: string, count: number): Promise<number> {
  const ino = await createFile(engine, name)
  const whole = Buffer.alloc(BLOCK_MAX)
  for (let at = 0; at < BLOCK_MAX; at += 4) whole.writeUInt32LE(at, at)
  await writeFile(engine, ino, 0, whole)
  const view = engine.world.live(SHARE)
  const inode = view.inode(ino)
  const [block] = inode === undefined ? [] : view.extents(inode, 0, BLOCK_MAX)
  assert.ok(block)
  for (let i = 0; i < count; ) {
    const extents: Extent[] = []
    for (; i < count && extents.length < EXTENTS_PER_RECORD; i++) {
      const blockOffset = placeOf(i)
      extents.push({ offset: i * GRANULE, length: GRANULE, block: block.block, blockOffset })
    }
    const command = { type: 'WriteContent', share: SHARE, ino, extents, mtime: 'now' } as const
    engine.stream.submit(command, NO_ORIGIN)
    await engine.stream.whenDurable(engine.stream.decided)
    if (engine.world.dirtyCount() > DIRTY_MAX) await engine.follower.flush()
  }
  return ino
}
