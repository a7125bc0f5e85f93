/** Worlds that are opened far behind the journal's end. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openWorld } from '../../src/commands/open-world.ts'
import { JournalFormatError } from '../../src/journal/fields.ts'
import { type Frame, recordsOf } from '../../src/journal/frame.ts'
import type { JournalReader } from '../../src/journal/journal.ts'
import { KiB } from '../../src/platform/limits.ts'
import { silentLog } from '../../src/platform/log.ts'
import { ROOT_INO } from '../../src/projections/inode.ts'
import { World } from '../../src/projections/world.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { Core, SHARE } from '../model/core-fixture.ts'
import { SeededRandom } from '../seeded-random.ts'

const MEMORY = 64 * KiB
const FILES = 300

async function withFiles(files = FILES, seed = 1): Promise<Core> {
  const core = await Core.create(new SeededRandom(seed))
  for (let i = 0; i < files; i++) await core.createFile(`file-${i}`)
  await core.drain()
  return core
}

/** Opened on `store`, or on an empty one when that is given up; whether it was. */
async function openOrMakeAnew(
  store: Store,
  journal: JournalReader,
  replayMax: number,
): Promise<{ readonly world: World; readonly anew: boolean }> {
  let used = store
  const world = await openWorld({
    place: {
      damage: () => undefined,
      open: () => used,
      remove: async () => {
        used = new MemoryStore()
      },
    },
    memory: MEMORY,
    journal,
    tail: await journal.tail(),
    log: silentLog,
    replayMax,
  })
  return { world, anew: used !== store }
}

async function open(store: Store, journal: JournalReader, replayMax: number): Promise<World> {
  const { world, anew } = await openOrMakeAnew(store, journal, replayMax)
  assert.equal(anew, false, 'what was there is of use')
  return world
}

describe('a world far behind the end of the journal', () => {
  test('is moved into the store on the way, and is what folding in memory makes', async () => {
    const core = await withFiles()
    const folded = await open(new MemoryStore(), core.journal, 10_000)
    const store = new MemoryStore()
    const moved = await open(store, core.journal, 100)
    assert.equal(folded.stored.seq, 0)
    assert.equal(moved.stored.seq, core.stream.decided)
    assert.equal(moved.dirtyCount(), 0)
    assert.equal(moved.digest(), folded.digest())
    assert.equal(new World(store, MEMORY).digest(), folded.digest())
  })

  test('is refused when the chain of frames is broken', async () => {
    const { journal } = await withFiles()
    const broken: JournalReader = {
      tail: () => journal.tail(),
      read: (from, signal) => journal.read(from, signal),
      close: () => journal.close(),
      stored: (from) => without(journal.stored(from), 200),
    }
    await assert.rejects(open(new MemoryStore(), broken, 100), JournalFormatError)
  })

  test('stays in memory when the disk is full', async () => {
    const core = await withFiles()
    const store = new MemoryStore()
    store.commit = () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    }
    const world = await open(store, core.journal, 100)
    assert.equal(world.seq, core.stream.decided)
    assert.equal(world.stored.seq, 0)
    assert.equal(world.live(SHARE).entry(ROOT_INO, 'file-7')?.ino, 9)
  })
})

test('projections that nobody could go on with are made anew', async () => {
  const core = await withFiles()
  const half = new World(new MemoryStore(), MEMORY)
  for await (const frame of core.journal.stored(1)) {
    for (const record of recordsOf(frame)) half.apply(record)
  }
  // Without the audit's index, that whoever follows goes on with.
  half.flush((await core.journal.tail()).hash)
  const { world, anew } = await openOrMakeAnew(half.store, core.journal, 10_000)
  assert.ok(anew)
  assert.equal(world.digest(), half.digest())
})

async function* without(frames: AsyncIterable<Frame>, seq: number): AsyncIterable<Frame> {
  for await (const frame of frames) if (frame.firstSeq !== seq) yield frame
}

describe('projections that are not of the journal', () => {
  const others = {
    'of another one': () => withFiles(FILES, 2),
    'ahead of its end': () => withFiles(FILES + 1),
  }
  for (const [name, other] of Object.entries(others)) {
    test(`${name} are made anew`, async () => {
      const theirs = await other()
      const store = new MemoryStore()
      await open(store, theirs.journal, 100)
      const { journal } = await withFiles()
      const { world, anew } = await openOrMakeAnew(store, journal, 10_000)
      assert.ok(anew)
      assert.equal(world.digest(), (await open(new MemoryStore(), journal, 10_000)).digest())
    })
  }
})
