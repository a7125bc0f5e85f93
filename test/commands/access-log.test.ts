import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { AccessLog } from '../../src/commands/access-log.ts'
import { ACCESSES_MAX, type AccessBatch, unpackAccesses } from '../../src/journal/access-batch.ts'
import { operations } from '../../src/journal/command-names.ts'
import type { JournalRecord } from '../../src/journal/record.ts'

type Appended = Omit<JournalRecord, 'seq'>

let appended: Appended[]
let overwhelmed: boolean
let log: AccessLog
beforeEach(() => {
  let nsec = 0
  appended = []
  overwhelmed = false
  log = new AccessLog({
    clock: { now: () => ({ sec: 1, nsec: nsec++ }) },
    overwhelmed: () => overwhelmed,
    append: (record) => appended.push(record),
  })
})

const note = (ino: number) =>
  log.note(operations['nfs3.READ'], 1, { uid: 1000, gid: 100 }, 1, 0, ino, '')

const batchOf = (record: Appended | undefined): AccessBatch => {
  assert.ok(record?.accesses)
  return unpackAccesses(record.accesses, record)
}

describe('accesses', () => {
  test('become a record when they are many', () => {
    for (let i = 1; i <= ACCESSES_MAX + 1; i++) note(i)
    assert.equal(appended.length, 1)
    log.flush()
    log.flush()
    const [many, one] = appended.map(batchOf)
    const inos = many?.accesses.map(({ ino }) => ino)
    assert.deepEqual(
      inos,
      Array.from({ length: ACCESSES_MAX }, (_, i) => i + 1),
    )
    assert.deepEqual([appended.length, one?.accesses.length], [2, 1])
    assert.equal(appended[1]?.nsec, 1)
  })

  test('have the time of the piece they came in, and never an earlier one', async () => {
    note(1)
    note(2)
    await null
    note(3)
    log.flush()
    note(4)
    log.flush()
    const times = appended.flatMap((record) => batchOf(record).accesses.map(({ nsec }) => nsec))
    assert.deepEqual(times, [0, 0, 1, 2])
  })

  test('that are equal are one, with the times of the first and the last', async () => {
    note(1)
    note(2)
    await null
    note(2)
    note(1)
    await null
    note(1)
    log.flush()
    note(1)
    log.flush()
    const seen = appended.map((record) =>
      batchOf(record).accesses.map(({ ino, nsec, repeated }) => [
        ...[ino, nsec],
        ...(repeated === undefined ? [] : [repeated.times, repeated.last.nsec]),
      ]),
    )
    assert.deepEqual(seen[0], [
      [1, 0, 3, 2],
      [2, 0, 2, 1],
    ])
    // What is told of already is told of again.
    assert.deepEqual(seen[1], [[1, 3]])
  })

  test('are not gathered for longer than a second, whatever holds timers up', async () => {
    const times = [0, 0.9, 1.1, 1.2, 90_000]
    let at = 0
    const slow = new AccessLog({
      clock: {
        now: () => ({
          sec: Math.floor(times[at] as number),
          nsec: ((times[at++] as number) % 1) * 1e9,
        }),
      },
      overwhelmed: () => false,
      append: (record) => appended.push(record),
    })
    for (let i = 0; i < times.length; i++) {
      slow.note(operations['nfs3.READ'], 1, { uid: 1000, gid: 100 }, 1, 0, 1, '')
      await null
    }
    slow.flush()
    slow.stop()
    const seen = appended.map((record) => [
      record.sec,
      batchOf(record).accesses[0]?.repeated?.times,
    ])
    assert.deepEqual(seen, [
      [0, 2],
      [1, 2],
      [90_000, undefined],
    ])
  })

  test('become one a moment later', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    note(1)
    t.mock.timers.tick(199)
    assert.equal(appended.length, 0)
    note(2)
    t.mock.timers.tick(1)
    assert.equal(batchOf(appended[0]).accesses.length, 2)
    t.mock.timers.tick(1000)
    assert.equal(appended.length, 1)
  })

  test('have as long to gather behind those that were many', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    note(1)
    t.mock.timers.tick(150)
    for (let i = 2; i <= ACCESSES_MAX; i++) note(i)
    note(1)
    assert.equal(appended.length, 1)
    t.mock.timers.tick(199)
    assert.equal(appended.length, 1)
    t.mock.timers.tick(1)
    assert.equal(appended.length, 2)
  })

  test('that cannot be taken are counted, and told of as soon as they can', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    overwhelmed = true
    for (let i = 0; i < 2 * ACCESSES_MAX; i++) note(i)
    for (let i = 0; i < 5; i++) note(1)
    t.mock.timers.tick(200)
    assert.deepEqual([appended.length, log.dropped], [0, 2 * ACCESSES_MAX + 5])
    overwhelmed = false
    t.mock.timers.tick(200)
    assert.deepEqual(batchOf(appended[0]), {
      accesses: [],
      dropped: 2 * ACCESSES_MAX + 5,
    })
    note(1)
    log.flush()
    assert.equal(batchOf(appended[1]).dropped, 0)
  })
})
