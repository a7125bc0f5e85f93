import assert from 'node:assert/strict'
import { test } from 'node:test'
import { laterThan } from '../../src/platform/clock.ts'
import { temporaryDirectory } from '../temporary.ts'
import { createFile, openEngine, SHARE } from './engine-fixture.ts'

test('time does not go back with a clock that was set back while nobody served', async (t) => {
  const { path, remove } = temporaryDirectory('clock')
  const ahead = t.mock.method(Date, 'now', () => performance.timeOrigin + performance.now() + 3.6e6)
  const before = await openEngine(path)
  const first = await createFile(before, 'first')
  await before.close()
  ahead.mock.restore()

  const engine = await openEngine(path)
  t.after(async () => {
    await engine.close()
    remove()
  })
  const second = await createFile(engine, 'second')
  const made = (ino: number) => {
    const inode = engine.world.live(SHARE).inode(ino)
    return { sec: inode?.mtimeSec ?? 0, nsec: inode?.mtimeNsec ?? 0 }
  }
  assert.ok(made(first).sec * 1000 > Date.now(), 'the clock was ahead')
  assert.ok(laterThan(made(second), made(first)))
})
