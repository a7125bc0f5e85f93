import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Engine } from '../../src/commands/engine.ts'
import { KiB, MiB } from '../../src/platform/limits.ts'
import { temporaryDirectory } from '../temporary.ts'
import {
  accept,
  createFile,
  openEngine,
  readFile,
  removeFile,
  writeFile,
} from './engine-fixture.ts'

function segmentBytes({ paths }: Engine): number {
  return readdirSync(paths.segments)
    .map((name) => statSync(`${paths.segments}/${name}`).size)
    .reduce((a, b) => a + b, 0)
}

/** Closing seals the segments that were written: what follows can collect them. */
async function reopened(engine: Engine, data: string): Promise<Engine> {
  await engine.drain()
  await engine.close()
  return openEngine(data)
}

const retain = (engine: Engine, seconds: number) =>
  accept(engine, { type: 'EditShare', name: '/export', options: { retain: seconds } })

describe('collector', () => {
  let path: string
  let remove: () => void
  let engine: Engine

  beforeEach(async () => {
    ;({ path, remove } = temporaryDirectory('collector'))
    engine = await openEngine(path)
  })

  afterEach(async () => {
    await engine.close()
    remove()
  })

  test('gives back what nobody can see any more, and nothing else', async () => {
    const kept = new Map<number, Buffer>()
    for (let i = 0; i < 40; i++) {
      const ino = await createFile(engine, `f${i}`)
      const bytes = randomBytes(i % 2 === 0 ? 300 * KiB : 5000)
      await writeFile(engine, ino, 0, bytes)
      if (i % 10 === 0) kept.set(ino, bytes)
    }
    for (let i = 0; i < 40; i++) if (i % 10 !== 0) await removeFile(engine, `f${i}`)
    engine = await reopened(engine, path)
    const before = segmentBytes(engine)
    await engine.follower.prune()
    assert.equal((await engine.collector.collect()).segments, 0, 'the past still needs it')

    await retain(engine, 0)
    const pruned = await engine.follower.prune()
    assert.ok(pruned.contents.length >= 36)
    const collected = await engine.collector.collect()
    assert.ok(collected.segments > 0)
    assert.ok(segmentBytes(engine) < before / 2, `${segmentBytes(engine)} of ${before}`)
    for (const [ino, bytes] of kept) assert.deepEqual(await readFile(engine, ino), bytes)
    assert.deepEqual([...engine.world.divergences()], [])

    const digest = engine.world.digest()
    engine = await reopened(engine, path)
    for (const [ino, bytes] of kept) assert.deepEqual(await readFile(engine, ino), bytes)
    assert.match(engine.world.digest(), new RegExp(`${digest.split(' ').at(-1)}$`))
  })

  test('equal content written again while it is being collected survives', async () => {
    const bytes = randomBytes(2 * MiB)
    const first = await createFile(engine, 'first')
    await writeFile(engine, first, 0, bytes)
    await removeFile(engine, 'first')
    engine = await reopened(engine, path)
    await retain(engine, 0)
    await engine.follower.prune()
    const collecting = engine.collector.collect()
    const inos: number[] = []
    for (let i = 0; i < 20; i++) {
      const ino = await createFile(engine, `again${i}`)
      await writeFile(engine, ino, 0, bytes)
      inos.push(ino)
    }
    await collecting
    await engine.collector.collect()
    for (const ino of inos) assert.deepEqual(await readFile(engine, ino), bytes)
    engine = await reopened(engine, path)
    for (const ino of inos) assert.deepEqual(await readFile(engine, ino), bytes)
  })
})
