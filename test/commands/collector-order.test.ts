/**
 * What a collection waits for. Who has relied on a block of a segment before that was condemned
 * must be through, durable and in the store, before what must survive is marked; what is named
 * from then on must survive as well.
 */
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Collector, type CollectorOptions } from '../../src/commands/collector.ts'
import { blockId } from '../../src/content/block.ts'
import type { Bloom } from '../../src/content/bloom.ts'

const VICTIM = 7
const DECIDED = 42
const blockOf = (text: string): string => blockId(Buffer.from(text))
const extentOf = (text: string) => ({ offset: 0, length: 1, block: blockOf(text), blockOffset: 0 })

/** What goes on beside the collection: each is let go on by the test. */
let seals: PromiseWithResolvers<void>
let durable: PromiseWithResolvers<void>
let stored: PromiseWithResolvers<void>
/** What was asked for, in order. */
let asked: string[]
let surviving: Bloom | undefined
/** Of the store: what has come there. */
let rows: string[]

function collector(): Collector {
  const done = async (what: string): Promise<void> => void asked.push(what)
  const parts = {
    stream: {
      decided: DECIDED,
      whenDurable: (seq: number) => {
        assert.equal(seq, DECIDED)
        asked.push('durable')
        return durable.promise
      },
    },
    sealer: {
      quiet: () => {
        asked.push('quiet')
        return seals.promise
      },
    },
    blocks: { dropSegment: () => undefined },
    bulk: {
      condemn: (victims: readonly number[]) => done(`condemn ${victims.join()}`),
      census: async () => [{ segment: VICTIM, bytes: 1000, live: 0 }],
      empty: async (_: unknown, live: Bloom) => {
        asked.push('empty')
        surviving = live
        return { moved: 0, dropped: 1, damaged: [], freed: 1000, removed: [VICTIM] }
      },
      remove: () => done('remove'),
    },
    logThread: { condemn: async () => undefined },
    follower: {
      flush: () => {
        asked.push('flush')
        return asked.includes('condemn 7') ? stored.promise : Promise.resolve()
      },
      mark: async (live: Bloom) => {
        asked.push('mark')
        for (const row of rows) live.add(blockOf(row))
      },
    },
  }
  return new Collector(parts as unknown as CollectorOptions)
}

/** So long that whatever does not wait has gone on. */
async function turns(): Promise<void> {
  for (let n = 0; n < 20; n++) await turn()
}

beforeEach(() => {
  seals = Promise.withResolvers()
  durable = Promise.withResolvers()
  stored = Promise.withResolvers()
  asked = []
  rows = []
  surviving = undefined
})

const BEGUN = ['flush', 'mark', 'condemn 7', 'quiet']

test('seals under way, then what is decided, then the store: each is waited for', async () => {
  const collecting = collector().collect()
  await turns()
  assert.deepEqual(asked, BEGUN)
  seals.resolve()
  await turns()
  assert.deepEqual(asked, [...BEGUN, 'durable'])
  durable.resolve()
  await turns()
  assert.deepEqual(asked, [...BEGUN, 'durable', 'flush'])
  rows.push('named by a seal that was under way')
  stored.resolve()
  assert.equal((await collecting).segments, 1)
  assert.deepEqual(asked.slice(6), ['mark', 'empty', 'remove', 'condemn '])
  assert.ok(surviving?.has(blockOf('named by a seal that was under way')))
})

test('what is named meanwhile survives, what was named before does not by itself', async () => {
  rows.push('gone')
  const one = collector()
  one.referred([extentOf('before')])
  const collecting = one.collect()
  await turns()
  seals.resolve()
  rows.length = 0
  await turns()
  one.referred([extentOf('while it becomes durable'), extentOf('and another')])
  durable.resolve()
  await turns()
  one.referred([extentOf('while it is stored')])
  stored.resolve()
  await collecting
  const late = ['while it becomes durable', 'and another', 'while it is stored']
  for (const text of late) assert.ok(surviving?.has(blockOf(text)), text)
  for (const text of ['gone', 'before']) assert.ok(!surviving?.has(blockOf(text)), text)
})

test('what fails halfway is condemned no longer', async () => {
  const collecting = collector().collect()
  await turns()
  seals.reject(new Error('broken'))
  await assert.rejects(collecting, /broken/)
  assert.equal(asked.at(-1), 'condemn ')
  assert.equal(surviving, undefined)
})
