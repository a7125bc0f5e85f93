import assert from 'node:assert/strict'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Ballast } from '../../src/commands/ballast.ts'
import { MiB } from '../../src/platform/limits.ts'
import { temporaryDirectory } from '../temporary.ts'

const { path, remove } = temporaryDirectory('ballast')
after(remove)

test('a reserve that cannot be kept is said once, and costs nobody the server', async () => {
  const file = join(path, 'reserve')
  mkdirSync(file)
  const said: unknown[] = []
  const ballast = new Ballast(file, MiB, (error) => said.push(error))
  for (let n = 0; n < 3; n++) {
    assert.ok(ballast.look(0).free > 0)
    // What is wrong shows later, when the file is opened.
    await sleep(20)
  }
  ballast.release()
  assert.equal(ballast.held, 0)
  assert.equal(said.length, 1)
  await ballast.close()
})

test('a reserve is kept, given back and kept again', async () => {
  const file = join(path, 'kept')
  const ballast = new Ballast(file, MiB, (error) => assert.fail(String(error)))
  const kept = async () => {
    ballast.look(0)
    for (let n = 0; n < 200 && ballast.held < ballast.size; n++) await sleep(10)
    return ballast.held
  }
  assert.equal(await kept(), MiB / 4)
  ballast.release()
  assert.deepEqual([ballast.held, statSync(file).size], [0, 0])
  assert.equal(await kept(), MiB / 4)
  rmSync(file)
  ballast.release()
  assert.equal(ballast.held, 0, 'somebody has deleted it')
  await ballast.close()
})
