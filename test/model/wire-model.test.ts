/**
 * Random operations by several users, on two connections, against the model. DFS_SEED repeats a
 * run; DFS_SOAK makes it last that many minutes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveShare } from '../protocols/served-share.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { checkOffline } from '../server-process.ts'
import { soaking } from '../soak.ts'
import { Conformance } from './conformance.ts'
import { PosixModel } from './posix-model.ts'
import { RandomOperations } from './random-operations.ts'
import { WireSubject } from './wire-subject.ts'

const share = await serveShare()
const STEPS = 3000
const COMPARE_EVERY = 250

async function run(seed: number): Promise<void> {
  const { session, dir } = await share.workplace()
  const other = await share.session()
  const model = new PosixModel(0o777)
  const subject = new WireSubject([session, other], model.root, dir)
  const operations = new RandomOperations(new SeededRandom(seed), model)
  const conformance = new Conformance(model, subject)
  for (let i = 1; i <= STEPS; i++) {
    const operation = operations.next()
    // The model's root is a directory like others here: it has a parent that the model knows not.
    const { kind } = operation
    if (kind === 'lookup' && operation.dir === model.root && operation.name === '..') continue
    await conformance.step(operation)
    if (i % COMPARE_EVERY === 0) await conformance.compareTrees()
  }
}

const seed = seedFromEnvironment()

test(`through the wire the server is the model (DFS_SEED=${seed})`, async () => {
  let next = seed
  do await run(next++)
  while (soaking())
  assert.deepEqual(share.server.errors, [])
  await share.server.kill()
  const { digest, rebuilt } = await checkOffline(share.data)
  assert.equal(digest, rebuilt)
})
