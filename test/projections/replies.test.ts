import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JournalRecord } from '../../src/journal/record.ts'
import { CALLS_HELD_MAX } from '../../src/platform/limits.ts'
import { Digest } from '../../src/projections/digest.ts'
import { type CallId, Replies } from '../../src/projections/replies.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { anOrigin, aRecord } from '../journal/records.ts'
import { SeededRandom } from '../seeded-random.ts'

const CALL: CallId = { client: 1, machine: 7, xid: 7, checksum: 0x0010_0001 }

/** What call `call` left as record `seq`. */
function recordOf(seq: number, call: Partial<CallId> = {}): JournalRecord {
  const { machine, ...others } = { ...CALL, ...call }
  const origin = { ...anOrigin, ...others, ...(machine !== 0 && { machine }) }
  return { ...aRecord(seq, 'a'), origin }
}

test('a call is found by its xid, the whole of its checksum, its client and its machine', () => {
  const replies = new Replies(new MemoryStore())
  replies.fold(recordOf(5))
  assert.equal(replies.find(CALL), 5)
  const others = [{ xid: 8 }, { checksum: 0x0020_0001 }, { client: 2 }]
  for (const other of [...others, { machine: 8 }, { machine: 0 }]) {
    assert.equal(replies.find({ ...CALL, ...other }), 0, JSON.stringify(other))
  }
})

test('a call that an earlier version noted without a machine is found', () => {
  const replies = new Replies(new MemoryStore())
  replies.fold(recordOf(5, { machine: 0 }))
  assert.equal(replies.find(CALL), 5)
  replies.fold(recordOf(6))
  assert.equal(replies.find(CALL), 6)
  assert.equal(replies.find({ ...CALL, machine: 0 }), 5)
})

test('as many calls of a machine are remembered as a connection can leave unanswered', () => {
  const replies = new Replies(new MemoryStore())
  const calls = 3 * CALLS_HELD_MAX
  for (let i = 1; i <= calls; i++) {
    replies.fold(recordOf(i, { xid: i }))
    assert.equal(replies.find({ ...CALL, xid: i }), i)
    const oldest = Math.max(1, i - CALLS_HELD_MAX + 1)
    assert.equal(replies.find({ ...CALL, xid: oldest }), oldest)
    assert.equal(replies.find({ ...CALL, xid: oldest - 1 }), 0)
  }
})

test('a machine too many pushes out the one behind its address that was idle longest', () => {
  const replies = new Replies(new MemoryStore())
  replies.fold(recordOf(1, { client: 2 }))
  for (let i = 1; i <= 64; i++) replies.fold(recordOf(1 + i, { machine: i }))
  replies.fold(recordOf(66, { machine: 1, xid: 8 }))
  replies.fold(recordOf(67, { machine: 65 }))
  assert.equal(replies.find({ ...CALL, machine: 2 }), 0)
  assert.equal(replies.find({ ...CALL, machine: 1 }), 2)
  assert.equal(replies.find({ ...CALL, machine: 3 }), 4)
  assert.equal(replies.find({ ...CALL, machine: 65 }), 67)
  assert.equal(replies.find({ ...CALL, client: 2 }), 1)
})

test('all together take no more than 16 MiB: what was idle longest goes', () => {
  const replies = new Replies(new MemoryStore())
  const [clients, calls] = [1500, 1000]
  let seq = 0
  for (let client = 1; client <= clients; client++) {
    for (let xid = 1; xid <= calls; xid++) replies.fold(recordOf(++seq, { client, xid }))
    replies.fold(recordOf(++seq, { client: 1, xid: client }))
  }
  const known = (client: number) => replies.find({ ...CALL, client, xid: calls }) !== 0
  const count = Array.from({ length: clients }, (_, i) => known(i + 1)).filter(Boolean).length
  assert.ok(count * calls * 16 <= 16 << 20, `${count} clients`)
  assert.ok(count > 900, `${count} clients`)
  assert.ok(known(clients) && known(clients - 800) && !known(2) && !known(400))
  assert.equal(replies.find({ ...CALL, client: 1, xid: clients }), seq, 'who is not idle stays')
})

/** As the world does it: the digest of the store goes with its rows. */
class Follower {
  readonly store = new MemoryStore()
  readonly digest = new Digest()
  private replies = new Replies(this.store)

  fold(record: JournalRecord): void {
    foldInto(this.replies, record)
  }

  flush(seq: number): void {
    this.store.commit((writer) => this.replies.flushTo(writer, () => this.digest))
    this.replies.onFlushed(seq)
  }

  restart(): void {
    this.replies = new Replies(this.store)
  }

  get rows(): readonly string[] {
    const all = this.store.map('replies').range(Buffer.alloc(1), Buffer.alloc(20, 0xff))
    return [...all].map(({ key, value }) => `${key.toString('hex')}=${value.toString('hex')}`)
  }
}

/** Client 1 is forgotten now and then. */
function foldInto(replies: Replies, record: JournalRecord): void {
  replies.fold(record)
  if (record.origin.checksum === 13) replies.forget(1, record.seq)
}

test('whoever folds the same remembers the same, restarted or not, and so does the digest', () => {
  const random = new SeededRandom(20_261)
  const [steady, restarted] = [new Follower(), new Follower()]
  const live = new Replies(restarted.store)
  const pending: JournalRecord[] = []
  for (let seq = 1; seq <= 20_000; seq++) {
    const machine = random.below(10) === 0 ? random.below(80) : random.below(3)
    const [client, checksum] = [1 + random.below(3), 1 + random.below(400)]
    const record = recordOf(seq, { client, machine, xid: random.below(500), checksum })
    foldInto(live, record)
    steady.fold(record)
    pending.push(record)
    if (random.below(300) !== 0) continue
    // Who writes the rows that the live world relies on is behind it.
    const some = pending.splice(0, pending.length - random.below(20))
    for (const one of some) restarted.fold(one)
    restarted.flush(seq - pending.length)
    restarted.restart()
    live.onFlushed(seq - pending.length)
    const digest = restarted.digest.copy()
    live.digestInto(() => digest)
    steady.flush(seq)
    assert.equal(`${digest}`, `${steady.digest}`, `seed ${random.seed}, record ${seq}`)
    if (pending.length === 0) assert.deepEqual(restarted.rows, steady.rows)
  }
  for (const one of pending) restarted.fold(one)
  restarted.flush(20_000)
  steady.flush(20_000)
  assert.deepEqual(restarted.rows, steady.rows)
  assert.ok(steady.rows.length > 64)
})
