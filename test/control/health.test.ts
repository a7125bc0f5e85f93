import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Engine } from '../../src/commands/engine.ts'
import { Health } from '../../src/control/health.ts'
import type { Running } from '../../src/control/running.ts'

const MINUTE = 60_000

/** What health looks at, and nothing else. */
const newEngine = () => ({
  stream: { decided: 100, durable: 100 },
  world: { stored: { seq: 100 } },
  space: { space: (): 'free' | 'full' => 'free' },
  pressure: { blocked: (): string | undefined => undefined },
})

let now: number
let engine: ReturnType<typeof newEngine>
let running: { phase: Running['phase']; serving: () => unknown }
let health: Health

beforeEach(() => {
  now = 0
  engine = newEngine()
  running = {
    phase: 'serving',
    serving: () => ({ engine: engine as unknown as Engine, lost: new AbortController().signal }),
  }
  health = new Health(running as unknown as Running, () => now)
  health.stop()
})

const codes = () => health.reasons().map(({ code }) => code)

describe('health', () => {
  test('is good where nothing waits, however long', () => {
    for (; now < 10 * MINUTE; now += MINUTE) {
      health.watch()
      assert.deepEqual(codes(), [])
    }
  })

  test('is bad at once when the disk is full, until it is not', () => {
    engine.space.space = () => 'full'
    assert.deepEqual(codes(), ['disk-full'])
    engine.space.space = () => 'free'
    assert.deepEqual(codes(), [])
  })

  test('is good while a busy server is behind and gets on', () => {
    engine.stream.decided = 1_000_000
    engine.pressure.blocked = () => 'staging'
    for (; now < 10 * MINUTE; now += 1000) {
      engine.stream.durable += 1
      if (now % 5000 === 0) engine.world.stored.seq += 1
      health.watch()
      assert.deepEqual(codes(), [])
    }
  })

  test('is bad when records wait and none becomes durable', () => {
    health.watch()
    engine.stream.decided = 103
    health.watch()
    now += MINUTE
    assert.deepEqual(codes(), ['journal'])
    assert.match(health.reasons()[0]!.detail, /3 records wait/)
    engine.stream.durable = 101
    assert.deepEqual(codes(), [])
  })

  test('is bad when the projections stand still', () => {
    health.watch()
    engine.stream.decided = 200
    engine.stream.durable = 200
    health.watch()
    now += MINUTE
    assert.deepEqual(codes(), ['follower'])
    engine.world.stored.seq = 200
    assert.deepEqual(codes(), [])
  })

  test('is bad when clients are held up and nothing moves', () => {
    health.watch()
    engine.pressure.blocked = () => 'staging'
    health.watch()
    now += MINUTE
    assert.deepEqual(codes(), ['pressure'])
    assert.match(health.reasons()[0]!.detail, /staging/)
    engine.pressure.blocked = () => undefined
    assert.deepEqual(codes(), [])
  })

  test('of a reopened stream begins anew', () => {
    engine.stream.decided = 103
    health.watch()
    now += MINUTE
    const waiting = engine
    engine = { ...newEngine(), stream: { ...waiting.stream } }
    assert.deepEqual(codes(), [])
  })

  test('is bad without an engine, and while stopping', () => {
    running.phase = 'stopping'
    assert.deepEqual(codes(), ['not-serving'])
    running.serving = () => undefined
    for (const phase of ['starting', 'reopening', 'stopping'] as const) {
      running.phase = phase
      assert.deepEqual(codes(), ['not-serving'])
    }
  })
})
