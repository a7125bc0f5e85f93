import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { SealError, Sealer } from '../../src/commands/content/sealer.ts'
import type { Engine } from '../../src/commands/engine.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import type { StoreAnswer } from '../../src/content/content-thread.ts'
import { Staging } from '../../src/content/staging.ts'
import { MiB } from '../../src/platform/limits.ts'
import { nodeId } from '../../src/projections/node-id.ts'
import { temporaryDirectory } from '../temporary.ts'
import { createFile, openEngine, SHARE } from './engine-fixture.ts'

let engine: Engine
let removeData: () => void

before(async () => {
  const { path, remove } = temporaryDirectory('sealer')
  removeData = remove
  engine = await openEngine(path)
})

after(async () => {
  await engine.close()
  removeData()
})

test('bytes are not staged again while a store may still read them', async () => {
  const ino = await createFile(engine, 'file')
  const id = nodeId(SHARE, ino)
  const staging = new Staging()
  const stores: PromiseWithResolvers<StoreAnswer>[] = []
  const store = () => {
    const answer = Promise.withResolvers<StoreAnswer>()
    stores.push(answer)
    return answer.promise
  }
  const { stream, blocks } = engine
  const sealer = new Sealer({ stream, staging, blocks, bulk: { store }, onSealed: () => undefined })
  const at = { sec: 1, nsec: 0 }
  for (let i = 0; i < 16; i++) {
    staging.write(id, SHARE, ino, i * MiB, Buffer.alloc(MiB, i), at, 0, NO_ORIGIN)
  }
  const sealed = sealer.seal(id).then(
    () => 'sealed',
    (error) => error,
  )
  for (let i = 0; i < 5; i++) await turn()
  assert.equal(stores.length, 4, 'four batches are under way')
  stores[0]?.reject(new Error('medium'))
  for (let i = 0; i < 5; i++) await turn()
  const file = staging.find(id)
  assert.equal(file?.fresh.bytes, 0, 'the others still read')
  for (const other of stores) other.reject(new Error('medium'))
  assert.ok((await sealed) instanceof SealError)
  assert.equal(staging.find(id)?.fresh.bytes, 16 * MiB)
})

test('memory that is written over counts as staged: writers wait, and it is stored', async () => {
  const { staging, pressure } = engine
  const at = { sec: 1, nsec: 0 }
  // No longer than a file may crumble by itself, in each of two: the fixture's budget is 64 MiB.
  for (const name of ['crumbs', 'more crumbs']) {
    const ino = await createFile(engine, name)
    const now = Date.now()
    for (let i = 0; i < 600; i++) {
      const bytes = Buffer.alloc(60_000, i)
      staging.write(nodeId(SHARE, ino), SHARE, ino, i % 2, bytes, at, now, NO_ORIGIN)
    }
  }
  assert.ok(staging.bytes < MiB)
  assert.equal(pressure.blocked(), 'staging')
  await new Promise<void>((resolve) => pressure.wait(resolve))
  assert.ok(staging.memory < 64 * MiB)
})
