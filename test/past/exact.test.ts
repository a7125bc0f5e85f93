/**
 * Whatever was done since a moment: undoing it, or restoring all of it, brings that moment back.
 */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Engine } from '../../src/commands/engine.ts'
import { diff } from '../../src/commands/past/diff.ts'
import { restore } from '../../src/commands/past/restore.ts'
import { undo } from '../../src/commands/past/undo.ts'
import { undoPlan } from '../../src/commands/past/undo-plan.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { noAttributes } from '../../src/commands/tree/new-object.ts'
import { ROOT_INO } from '../../src/projections/inode.ts'
import { openEngine } from '../commands/engine-fixture.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { temporaryDirectory } from '../temporary.ts'
import { textOf, work } from './random-work.ts'

const SHARE = 1
const ROUNDS = 25
const seed = seedFromEnvironment()
const pause = async () => undefined
const theirs = { ...NO_ORIGIN, uid: 1001 }

let path: string
let remove: () => void
let engine: Engine

beforeEach(async () => {
  ;({ path, remove } = temporaryDirectory('exact'))
  engine = await openEngine(path)
})

afterEach(async () => {
  await engine.close()
  remove()
})

/** Some work, and then more of it by somebody; resolves to the moment in between. */
async function workedOn(random: SeededRandom): Promise<{ moment: number; then: string[] }> {
  await work(engine, random, random.between(0, 40), NO_ORIGIN)
  const moment = engine.stream.decided
  const then = await textOf(engine, engine.world.live(SHARE))
  await work(engine, random, random.between(1, 40), theirs)
  await engine.drain()
  await engine.readable()
  return { moment, then }
}

async function differences(from: number, to: number) {
  await engine.readable()
  const frames = engine.journal.stored(from + 1)
  const all = []
  const options = { world: engine.world, share: SHARE, from, to, frames, pause }
  for await (const difference of diff(options)) all.push(difference)
  return all
}

describe(`with seed ${seed}`, () => {
  test('undoing all that somebody did', async () => {
    const random = new SeededRandom(seed)
    for (let round = 0; round < ROUNDS; round++) {
      const { moment, then } = await workedOn(random)
      const until = engine.stream.durable
      const filter = { share: SHARE, since: moment, until, client: undefined, uid: 1001 }
      const frames = engine.journal.stored(moment + 1)
      const plan = await undoPlan(engine.world, filter, frames, pause)
      const taken = []
      for await (const step of undo({ engine, share: SHARE, plan, force: false, pause })) {
        taken.push(`${step.result}: ${step.step.action} ${step.step.path}`)
      }
      const now = await textOf(engine, engine.world.live(SHARE))
      assert.deepEqual(now, then, `round ${round}:\n${taken.join('\n')}`)
      assert.deepEqual(
        taken.filter((text) => !text.startsWith('done')),
        [],
        `round ${round}`,
      )
    }
  })

  test('restoring the root exactly', async () => {
    const random = new SeededRandom(seed)
    for (let round = 0; round < ROUNDS; round++) {
      const { moment, then } = await workedOn(random)
      const from = { share: SHARE, names: [], seq: moment }
      const to = { share: SHARE, names: [] }
      for await (const report of restore({ engine, from, to, exact: true, pause })) {
        assert.ok(typeof report !== 'string' && report.failed === 0, JSON.stringify(report))
      }
      const now = await textOf(engine, engine.world.live(SHARE))
      assert.deepEqual(now, then, `round ${round}`)
    }
  })

  test('a difference is none exactly where nothing differs', async () => {
    const random = new SeededRandom(seed)
    for (let round = 0; round < ROUNDS; round++) {
      const { moment, then } = await workedOn(random)
      const now = engine.stream.durable
      const [there, back] = [await differences(moment, now), await differences(now, now)]
      assert.deepEqual(back, [])
      const names = (lines: string[]) => lines.map((line) => line.split(' ')[0] as string)
      const [before, after] = [
        new Set(names(then)),
        new Set(names(await textOf(engine, engine.world.live(SHARE)))),
      ]
      for (const { kind, path: at } of there) {
        if (kind === 'removed') assert.ok(before.has(at), `round ${round}: ${at} was not there`)
        else assert.ok(after.has(at), `round ${round}: ${at} is not there`)
      }
      // Below what was moved everything has another path without a difference of its own.
      const moved = there.flatMap((d) => (d.kind === 'renamed' ? [d.from, d.path] : []))
      const told = new Set(there.map(({ path: at }) => at))
      const below = (at: string) => moved.some((m) => at === m || at.startsWith(`${m}/`))
      for (const at of before)
        assert.ok(
          after.has(at) || told.has(at) || below(at),
          `${at} went: ${JSON.stringify(there)}`,
        )
      for (const at of after)
        assert.ok(
          before.has(at) || told.has(at) || below(at),
          `${at} came: ${JSON.stringify(there)}`,
        )
    }
  })
})

test('a tree deeper than the stack goes, and comes back', { timeout: 120_000 }, async () => {
  const DEPTH = 15_000
  const moment = engine.stream.decided
  const attributes = noAttributes
  let dir = ROOT_INO
  for (let i = 0; i < DEPTH; i++) {
    const command = { type: 'CreateDirectory', share: SHARE, dir, name: 'd', attributes } as const
    const decision = engine.stream.submit(command, theirs)
    assert.ok(typeof decision === 'object' && decision.outcome.kind === 'accepted')
    dir = decision.outcome.ino
    if (i % 1000 === 0) await engine.drain()
  }
  const deep = engine.stream.decided
  const root = { share: SHARE, names: [] }
  for (const seq of [moment, deep]) {
    let last: { failed: number } | undefined
    const from = { ...root, seq }
    for await (const report of restore({ engine, from, to: root, exact: true, pause })) {
      assert.ok(typeof report !== 'string')
      last = report
    }
    assert.equal(last?.failed, 0)
    assert.equal(engine.world.live(SHARE).entry(ROOT_INO, 'd') === undefined, seq === moment)
  }
})
