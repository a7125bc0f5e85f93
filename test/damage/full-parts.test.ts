import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SpaceProbe } from '../../src/commands/space-probe.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { untilRoom } from '../../src/commands/until-room.ts'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { blocksOf, lanes, segmentName, segmentsOn } from '../../src/content/segment.ts'
import { AccessBatchWriter } from '../../src/journal/access-batch-writer.ts'
import { commandCodes } from '../../src/journal/command-names.ts'
import { encodeFrame } from '../../src/journal/frame.ts'
import { claim } from '../../src/journal/journal.ts'
import { MemoryJournal } from '../../src/journal/memory.ts'
import { packRecord } from '../../src/journal/record.ts'
import { MiB } from '../../src/platform/limits.ts'
import { ACCESS_CONTEXTS, ACCESS_FILTERS, recordKey } from '../../src/projections/access-index.ts'
import {
  AUDIT_CONTEXTS,
  AUDIT_FILTERS,
  BLOCK_RECORDS,
  blockKey,
} from '../../src/projections/audit-index.ts'
import { Follower } from '../../src/projections/follower.ts'
import { World } from '../../src/projections/world.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { BoundedDisk } from './bounded-disk.ts'

const full = (): Error => Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })

test('segments hold what was stored when the disk was full in between, and nothing else', () => {
  const seed = seedFromEnvironment()
  const random = new SeededRandom(seed)
  for (let round = 0; round < 5; round++) {
    const disk = new BoundedDisk(MiB)
    const index = new BlockIndex(new MemoryStore())
    const writer = new BlockWriter(index, { disk, lane: lanes.bulk, segmentBytes: 10 * MiB })
    const stored = new Set<string>()
    let refused = 0
    for (let n = 0; n < 60; n++) {
      const blocks = Array.from({ length: random.between(1, 4) }, () =>
        identified(random.bytes(random.between(1, 40_000))),
      )
      const { used } = disk
      try {
        writer.store(blocks)
        for (const { id } of blocks) stored.add(id)
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
        refused += 1
        // Trying again and again takes no more of it.
        for (let i = 0; i < 3; i++) assert.throws(() => writer.store(blocks))
        assert.ok(disk.used <= used + 64, `seed ${seed}`)
        disk.capacity += 200_000
        writer.store(blocks)
        for (const { id } of blocks) stored.add(id)
      }
    }
    writer.close()
    assert.ok(refused > 0, `seed ${seed}: it never was full`)
    const found = new Set<string>()
    for (const segment of segmentsOn(disk)) {
      const file = disk.open(segmentName(segment))
      for (const { id } of blocksOf(file, segment, undefined, true)) found.add(id)
    }
    for (const id of stored) assert.ok(found.has(id), `seed ${seed}: a stored block is gone`)
  }
})

test('what the disk does not take of projections is tried again', async () => {
  const journal = new MemoryJournal()
  const store = new MemoryStore()
  const commit = store.commit.bind(store)
  let tries = 0
  store.commit = (change) => {
    tries += 1
    if (tries < 4) throw full()
    commit(change)
  }
  const stop = new AbortController()
  const follower = new Follower({ world: new World(store, MiB), journal, flushMillis: 5 })
  const following = follower.follow(stop.signal)
  const tail = await claim(journal, 'test', () => ({ sec: 1, nsec: 0 }))
  while (follower.world.stored.seq < tail.seq) await sleep(5)
  assert.equal(tries, 4)
  const later = await claim(journal, 'test', () => ({ sec: 2, nsec: 0 }))
  while (follower.world.stored.seq < later.seq) await sleep(5)
  stop.abort()
  await following
})

test('nothing of the index of the audit is missing where the disk was full', async () => {
  const journal = new MemoryJournal()
  const store = new MemoryStore()
  const commit = store.commit.bind(store)
  let room = false
  store.commit = (change) => {
    if (room) return commit(change)
    // As LMDB has it: all is written, and the commit fails.
    change({ put: () => undefined, remove: () => undefined })
    throw full()
  }
  const follower = new Follower({ world: new World(store, MiB), journal, flushMillis: 5 })
  const accesses = new AccessBatchWriter()
  const time = { sec: 1, nsec: 0 }
  accesses.add(0x0101, 0, { uid: 1, gid: 1 }, 0, 0, 1, 'name')
  const record = {
    ...{ command: commandCodes.Access, ...time, share: 0, origin: NO_ORIGIN, refusal: 0 },
    ...{ about: undefined, events: [], accesses: accesses.taken(0) },
  }
  for (let n = 0; n < BLOCK_RECORDS + 10; n++) {
    const { seq, hash, epoch } = await journal.tail()
    const header = { epoch, firstSeq: seq + 1, count: 1, time, previousHash: hash }
    await journal.append(encodeFrame(header, [packRecord({ ...record, seq: seq + 1 })]))
  }
  await assert.rejects(follower.catchUp(), /no space left/)
  room = true
  await follower.catchUp()
  for (const map of [AUDIT_FILTERS, AUDIT_CONTEXTS]) {
    for (const block of [0, 1]) assert.ok(store.map(map).get(blockKey(block)), `${map} ${block}`)
  }
  for (const map of [ACCESS_FILTERS, ACCESS_CONTEXTS]) {
    for (let seq = 1; seq <= BLOCK_RECORDS + 10; seq++) {
      assert.ok(store.map(map).get(recordKey(seq)), `${map} ${seq}`)
    }
  }
})

test('what fails for another reason than room is not tried again', async () => {
  let tries = 0
  const attempt = async (): Promise<number> => {
    tries += 1
    if (tries < 3) throw full()
    throw new Error('broken')
  }
  let told = 0
  await assert.rejects(
    untilRoom(attempt, () => {
      told += 1
    }),
    /broken/,
  )
  assert.deepEqual([tries, told], [3, 2])
})

test('a disk is free, then full, then exhausted', () => {
  let free = 100 * MiB
  const ballast = { held: 16 * MiB, size: 16 * MiB, look: () => ({ free, total: 200 * MiB }) }
  let promised = 0
  const probe = new SpaceProbe({ ballast, promised: () => promised, reserve: 64 * MiB })
  assert.deepEqual([probe.space(), probe.exhausted()], ['free', false])
  promised = 60 * MiB
  assert.equal(probe.space(), 'full', 'what is promised counts')
  promised = 0
  free = 40 * MiB
  probe.refresh()
  assert.deepEqual([probe.space(), probe.exhausted()], ['full', false])
  free = 0
  probe.refresh()
  assert.equal(probe.exhausted(), false, 'as long as there is something to give back')
  ballast.held = 0
  assert.equal(probe.exhausted(), true)
  free = 16 * MiB
  probe.refresh()
  assert.deepEqual([probe.space(), probe.exhausted()], ['full', false])
  probe.stop()
})
