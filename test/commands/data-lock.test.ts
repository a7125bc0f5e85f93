/** One process at a time works on a data directory, wherever it was started and however it ends. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { InUseError, lockDataDirectory } from '../../src/commands/data-lock.ts'
import { temporaryDirectory } from '../temporary.ts'

const { path, remove } = temporaryDirectory('lock')
after(remove)
const source = resolve(import.meta.dirname, '../../src/commands/data-lock.ts')
let roots = 0
let root: string

beforeEach(() => {
  roots += 1
  root = join(path, `data-${roots}`)
})

const inUse = (error: unknown): boolean => error instanceof InUseError

/** A process that has the lock, and is killed with it. */
function lockAndDie(): void {
  const code = `import { lockDataDirectory } from ${JSON.stringify(source)}
    await lockDataDirectory(${JSON.stringify(root)})
    process.kill(process.pid, 'SIGKILL')`
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', code])
  assert.equal(signal, 'SIGKILL')
}

describe('the lock of a data directory', () => {
  test('is free again when it is given back, or its process was killed', async () => {
    const unlock = await lockDataDirectory(root)
    await assert.rejects(lockDataDirectory(root), inUse)
    await unlock()
    lockAndDie()
    const again = await lockDataDirectory(root)
    await assert.rejects(lockDataDirectory(root), inUse)
    await again()
  })

  test('holds between processes that have other temporary directories', async () => {
    const unlock = await lockDataDirectory(root)
    const before = process.env['TMPDIR']
    const other = join(path, `tmp-${roots}`)
    mkdirSync(other)
    process.env['TMPDIR'] = other
    try {
      // As a service has its own, and who repairs its data has not.
      await assert.rejects(lockDataDirectory(root), inUse)
    } finally {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
    }
    await unlock()
  })

  test('goes to one of many that find it left behind', async () => {
    for (let round = 0; round < 20; round++) {
      if (round % 10 === 0) lockAndDie()
      const tried = await Promise.allSettled(
        Array.from({ length: 12 }, () => lockDataDirectory(root)),
      )
      const got = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      assert.ok(got.length <= 1, `round ${round}: ${got.length} have it`)
      for (const one of tried) if (one.status === 'rejected') assert.ok(inUse(one.reason))
      if (got.length === 1) await assert.rejects(lockDataDirectory(root), inUse)
      for (const unlock of got) await unlock()
      // Whoever comes alone gets it.
      await (await lockDataDirectory(root))()
      if (round % 10 === 9) continue
      lockAndDie()
    }
  })

  test('does not depend on how long the path of the directory is', async () => {
    root = join(path, 'long'.repeat(30), 'deep'.repeat(30))
    const unlock = await lockDataDirectory(root)
    await assert.rejects(lockDataDirectory(root), inUse)
    await unlock()
    lockAndDie()
    await (await lockDataDirectory(root))()
  })
})
