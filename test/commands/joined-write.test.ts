/** Stable writes that arrive together share a record, and nobody can tell but by counting. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { SYSTEM } from '../../src/auth/principal.ts'
import type { Engine } from '../../src/commands/engine.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { recordsOf } from '../../src/journal/frame.ts'
import { LmdbJournal } from '../../src/journal/lmdb.ts'
import type { JournalRecord } from '../../src/journal/record.ts'
import { KiB, MiB } from '../../src/platform/limits.ts'
import { World } from '../../src/projections/world.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { temporaryDirectory } from '../temporary.ts'
import { createFile, openEngine, readFile, SHARE } from './engine-fixture.ts'

const UNIT = 4 * KiB
const [ANN, BEN] = [1, 2].map((client) => ({ ...NO_ORIGIN, client })) as [Client, Client]
type Client = typeof NO_ORIGIN

describe('stable writes in one turn', () => {
  const { path, remove } = temporaryDirectory('joined-write')
  let engine: Engine

  before(async () => {
    engine = await openEngine(path)
  })
  after(remove)

  /** Returns the record that has it. */
  function write(ino: number, offset: number, bytes: Buffer, client = ANN): number {
    const written = engine.content.write(SHARE, ino, offset, bytes, true, client, SYSTEM)
    if (typeof written === 'string') throw new Error(written)
    if (typeof written.durable !== 'number') throw new Error('it was staged')
    return written.durable
  }

  const unit = (fill: number): Buffer => Buffer.alloc(UNIT, fill)

  test('of one client to one file make one record', async () => {
    const [ino, other] = [await createFile(engine, 'one'), await createFile(engine, 'other')]
    const seqs = [
      write(ino, 12 * UNIT, unit(3)),
      write(ino, 8 * UNIT, unit(1)),
      write(ino, 0, unit(2)),
      write(ino, 9 * UNIT, unit(4)),
    ]
    const first = seqs[0] as number
    // The first comes with the hole before it, which the second is written into.
    assert.deepEqual(
      seqs.map((seq) => seq - first),
      [0, 1, 1, 1],
    )
    const apart = [
      write(ino, 20 * UNIT, unit(5), BEN),
      write(other, 0, unit(6), BEN),
      write(ino, 21 * UNIT, unit(7), BEN),
      write(ino, 21 * UNIT, unit(8), BEN),
    ]
    assert.deepEqual(
      apart.map((seq) => seq - first),
      [2, 3, 4, 5],
    )
    engine.stream.closeRecord(BEN.client)
    assert.equal(write(ino, 22 * UNIT, unit(9), BEN), first + 5)
    engine.stream.closeRecord(ANN.client)
    assert.equal(write(ino, 23 * UNIT, unit(10), BEN), first + 6)
    engine.stream.closeRecord()
    assert.equal(write(ino, 24 * UNIT, unit(11), BEN), first + 7)
    await engine.stream.whenDurable(first + 7)
    assert.equal(write(ino, 25 * UNIT, unit(12), BEN), first + 8, 'it has left')
    const bytes = await readFile(engine, ino)
    const fills = Array.from({ length: 26 }, (_, i) => bytes[i * UNIT])
    const zeros = new Array(7).fill(0)
    assert.deepEqual(fills.slice(0, 13), [2, ...zeros, 1, 4, 0, 0, 3])
    assert.deepEqual(fills.slice(20), [5, 8, 9, 10, 11, 12])
    const view = engine.world.asOf(SHARE, first + 1)
    const past = view.inode(ino)
    assert.equal(past?.size, 13 * UNIT)
  })

  const random = new SeededRandom(seedFromEnvironment())
  test(`fold from the journal as they were folded (DFS_SEED=${random.seed})`, async () => {
    const ino = await createFile(engine, 'random')
    const expected = Buffer.alloc(64 * UNIT)
    let [end, writes] = [0, 0]
    for (let turn = 0; turn < 60; turn++) {
      for (let n = random.between(1, 30); n > 0; n--) {
        const at = random.below(60)
        const bytes = random.bytes(UNIT * random.between(1, 4))
        write(ino, at * UNIT, bytes, random.chance(0.9) ? ANN : BEN)
        bytes.copy(expected, at * UNIT)
        end = Math.max(end, at * UNIT + bytes.length)
        writes += 1
        if (random.chance(0.05)) engine.stream.closeRecord()
      }
      if (random.chance(0.5)) await new Promise(setImmediate)
    }
    await engine.stream.whenDurable(engine.stream.decided)
    assert.ok((await readFile(engine, ino)).equals(expected.subarray(0, end)))
    const live = engine.world.digest()
    const published = engine.stream.published
    await engine.close()
    const world = new World(new MemoryStore(), 8 * MiB)
    const records: JournalRecord[] = []
    const journal = await LmdbJournal.open({ dir: `${path}/journal`, readOnly: true })
    for await (const frame of journal.stored(1)) {
      for (const record of recordsOf(frame)) {
        if (record.seq > published) break
        world.apply(record)
        records.push(record)
      }
    }
    await journal.close()
    assert.deepEqual(world.digest(), live)
    const made = records.filter(({ events }) =>
      events.some((event) => event.type === 'ContentChanged' && event.ino === ino),
    )
    assert.ok(made.length < writes / 2, `${writes} writes made ${made.length} records`)
    for (const { events } of made) assertAscending(events)
  })
})

function assertAscending(events: JournalRecord['events']): void {
  for (const event of events) {
    if (event.type !== 'ContentChanged') continue
    let end = 0
    for (const { offset, length } of event.extents) {
      assert.ok(offset >= end, 'extents ascend')
      end = offset + length
    }
  }
}
