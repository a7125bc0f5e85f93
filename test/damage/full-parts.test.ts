import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SpaceProbe } from '../../src/commands/space-probe.ts'
import { untilRoom } from '../../src/commands/until-room.ts'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { blocksOf, lanes, segmentName, segmentsOn } from '../../src/content/segment.ts'
import { claim } from '../../src/journal/journal.ts'
import { MemoryJournal } from '../../src/journal/memory.ts'
import { MiB } from '../../src/platform/limits.ts'
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
