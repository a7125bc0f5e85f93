import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReplyCache } from '../../../src/protocols/nfs3/reply-cache.ts'

const resultOf = (seq: number, length: number): Buffer => Buffer.alloc(length, `${seq} `)

test('gives back what was kept, byte for byte', () => {
  const cache = new ReplyCache()
  const source = Buffer.from('....first....')
  cache.keep(7, source, 4, 9)
  source.fill(0)
  assert.equal(cache.get(7)?.toString(), 'first')
  assert.equal(cache.get(8), undefined)
  assert.equal(cache.get(7 + 32 * 1024), undefined)
})

test('forgets the oldest, by number and by bytes, and never mixes two up', () => {
  for (const length of [1, 251, 70_001]) {
    const cache = new ReplyCache()
    let oldest = 1
    for (let seq = 1; seq <= 100_000; seq += 1 + (seq % 3)) {
      cache.keep(seq, resultOf(seq, length), 0, length)
      while (cache.get(oldest) === undefined) oldest += 1
      if (seq % 97 !== 0) continue
      for (const known of [seq, oldest]) {
        assert.deepEqual(cache.get(known), resultOf(known, length))
      }
      if (length > 1000 && seq > 5000) break
    }
    assert.ok(oldest > 1, `${length}: some are forgotten`)
  }
})

test('a call that is begun again is under way until that has ended', async () => {
  const cache = new ReplyCache()
  const call = { client: 1, machine: 0, xid: 2, checksum: 3 }
  assert.equal(cache.underWay(call), undefined)
  const endFirst = cache.begin(call)
  const first = cache.underWay(call)
  const endSecond = cache.begin(call)
  endFirst()
  await first
  const second = cache.underWay(call)
  assert.notEqual(second, undefined)
  assert.equal(cache.underWay({ ...call, xid: 4 }), undefined)
  endSecond()
  await second
  assert.equal(cache.underWay(call), undefined)
})
