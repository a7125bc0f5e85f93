import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { headerSize, readHeader } from '../../src/content/block.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { PLACE_WORDS } from '../../src/content/noted-blocks.ts'
import { blocksOf, lanes } from '../../src/content/segment.ts'
import { encodeFrame, type Frame } from '../../src/journal/frame.ts'
import { EMPTY_TAIL, tailOf } from '../../src/journal/journal.ts'
import { LmdbJournal } from '../../src/journal/lmdb.ts'
import { packRecord } from '../../src/journal/record.ts'
import { recoverTail } from '../../src/journal/recover-tail.ts'
import { Settler } from '../../src/journal/settler.ts'
import { entrySize, SALT, type TailEntry } from '../../src/journal/tail-entry.ts'
import { readTail, TailFile } from '../../src/journal/tail-log.ts'
import { UnsettledBlocks } from '../../src/journal/unsettled-blocks.ts'
import { MiB } from '../../src/platform/limits.ts'
import { MemoryDisk } from '../model/memory-disk.ts'
import { temporaryDirectory } from '../temporary.ts'
import { aRecord } from './records.ts'
import { entryOf, frameAfter, Machine } from './tail-machine.ts'

const [NAME, OTHER] = ['tail-a.log', 'tail-b.log']

describe('tail log', () => {
  test('has what LMDB and segments do not have, until they do', async () => {
    const machine = new Machine()
    for (let i = 0; i < 5; i++) machine.commit()
    assert.equal(machine.stored.length, 0)
    assert.equal(readTail(machine.disk).entries.length, 5)
    assert.equal(machine.wholeBlocks().size, 0)
    assert.equal(await machine.recover(), 5)
    assert.deepEqual(
      machine.stored.map(({ bytes }) => bytes),
      machine.frames.map(({ bytes }) => bytes),
    )
    for (const block of machine.blocks) assert.ok(machine.wholeBlocks().has(identified(block).id))
  })

  test('begins anew, and what an earlier round left behind does not come back', async () => {
    const machine = new Machine()
    for (let i = 0; i < 9; i++) machine.commit()
    machine.settle()
    for (let i = 0; i < 2; i++) machine.commit()
    machine.settle()
    machine.storedUpTo(11)
    for (let i = 0; i < 3; i++) machine.commit()
    assert.equal(readTail(machine.disk).entries.length, 5, 'of the last round in each file')
    assert.ok(readTail(machine.disk).strays.length >= 5)
    assert.equal(await machine.recover(), 3)
    assert.equal(machine.stored.length, 14)
  })

  test('what is in LMDB already is not taken again', async () => {
    const machine = new Machine()
    for (let i = 0; i < 4; i++) machine.commit()
    machine.settle()
    machine.storedUpTo(4)
    assert.equal(await machine.recover(), 0)
    assert.equal(machine.stored.length, 4)
  })

  test('an entry that is torn at any place ends it', async () => {
    const machine = new Machine()
    machine.commit(100)
    machine.commit(100)
    const end = fileEnd(machine)
    machine.commit(100)
    const file = machine.disk.open(NAME)
    const last = Buffer.alloc(fileEnd(machine) - end)
    file.read(last, end)
    for (let cut = 0; cut < last.length; cut++) {
      const torn = Buffer.from(last)
      torn[cut] = (torn[cut] as number) ^ 0x10
      file.write([torn], end)
      assert.equal(readTail(machine.disk).entries.length, 2, `byte ${cut}`)
    }
  })

  test('a block that is damaged on its way to its segment is found there', () => {
    const machine = new Machine()
    machine.commit(100)
    machine.commit(100)
    const file = machine.disk.open(NAME)
    const byte = Buffer.alloc(1)
    const last = fileEnd(machine) - 1
    file.read(byte, last)
    file.write([Buffer.from([(byte[0] as number) ^ 1])], last)
    machine.settle()
    const [good, bad] = machine.blocks.map((block) => identified(block).id)
    assert.deepEqual(machine.wholeBlocks(), new Set([good]))
    const segment = machine.segments.open(machine.segments.list()[0] as string)
    const headers = [...blocksOf(segment, 0)].map(({ offset }) => {
      const header = Buffer.alloc(headerSize(100))
      segment.read(header, offset)
      return readHeader(header)
    })
    assert.deepEqual(
      headers.map((header) => header?.id),
      [good, bad],
    )
    // Readers look at that and not at the name.
    assert.deepEqual(
      headers.map((header) => header?.checksums),
      machine.blocks.map((block) => [crc32(block)]),
    )
  })

  test('damage to what was acknowledged is not taken for a torn end', async () => {
    for (const damaged of [0, 1, 2]) {
      const machine = new Machine()
      let at = 0
      for (let i = 0; i < 4; i++) {
        if (i === damaged) at = fileEnd(machine)
        machine.commit(100)
      }
      machine.disk.open(NAME).write([Buffer.from('damage')], at + 50)
      await assert.rejects(machine.recover(), /tail log is damaged behind record/)
    }
  })

  test('what clients write is never taken for an entry, however it looks', async () => {
    const machine = new Machine()
    // An entry as the file would have it, were its salt another one, of records to come.
    const forger = new MemoryDisk()
    const other = encodeFrame(
      { ...frameAfter(EMPTY_TAIL), firstSeq: 1000, previousHash: Buffer.alloc(32) },
      [packRecord(aRecord(1000, 'forged'))],
    )
    new TailFile(forger, 0, Buffer.alloc(SALT, 1)).append(entryOf(other, []), 0)
    const forged = Buffer.alloc(600)
    forger.open(NAME).read(forged, 4096)
    const content = Buffer.concat(Array.from({ length: 100 }, () => forged))
    for (let i = 0; i < 120; i++) {
      machine.commitBlock(Buffer.concat([Buffer.from(`${i}`.padEnd(8)), content]))
    }
    machine.settle()
    machine.storedUpTo(120)
    // The first of the next round, whose end lies in the middle of what they wrote.
    for (let i = 0; i < 20; i++) {
      machine.commitBlock(machine.random.bytes(1 + machine.random.below(40)))
      assert.equal(await machine.recover(), 1)
      machine.settle()
      machine.storedUpTo(machine.frames.length)
    }
  })

  test('a file that was not finished is begun, one with a damaged header refused', async () => {
    const machine = new Machine()
    machine.commit()
    const file = machine.disk.open(NAME)
    for (let at = 0; at < 28; at++) {
      const byte = Buffer.alloc(1)
      file.read(byte, at)
      file.write([Buffer.from([(byte[0] as number) ^ 4])], at)
      await assert.rejects(machine.recover(), /header of the tail log is damaged/, `byte ${at}`)
      file.write([byte], at)
    }
    file.write([Buffer.alloc(4096)], 0)
    await assert.rejects(machine.recover(), /header of the tail log is damaged/, 'gone')
    file.truncate(1000)
    file.write([Buffer.from('DFSL')], 0)
    assert.equal(await machine.recover(), 0, 'cut while it was made')
    machine.writer = machine.open()
    machine.frames.length = 0
    machine.commit()
    assert.equal(await machine.recover(), 1)
  })

  test('a journal that lacks what comes before is refused', async () => {
    const machine = new Machine()
    for (let round = 0; round < 3; round++) {
      machine.settle()
      for (let i = 0; i < 3; i++) machine.commit()
    }
    machine.storedUpTo(1)
    await assert.rejects(machine.recover(), /continues with record 4, the journal ends with 1/)
  })

  test('a journal that has something else in its place is refused, by the writer too', async () => {
    const machine = new Machine()
    machine.commit()
    const time = { sec: 1, nsec: 1 }
    const record = packRecord(aRecord(1, 'another'))
    const header = { epoch: 2, firstSeq: 1, count: 1, time, previousHash: EMPTY_TAIL.hash }
    const other = encodeFrame(header, [record])
    machine.stored.push(other)
    machine.tail = tailOf(other)
    await assert.rejects(machine.recover(), /another record 1 than the tail log/)
    assert.throws(() => machine.commit(), { name: 'FencedError' })
  })

  test('while one file is settled the other takes what comes', async () => {
    const machine = new Machine()
    for (let i = 0; i < 5; i++) machine.commit()
    assert.ok(machine.writer.handOver())
    for (let i = 0; i < 4; i++) machine.commit()
    assert.equal(machine.writer.handOver(), false, 'the first is not settled yet')
    assert.equal(readTail(machine.disk).entries.length, 9)
    const before = machine.stored.length
    machine.wait()
    assert.equal(before, 0)
    assert.equal(machine.stored.length, 5)
    assert.ok(machine.writer.handOver())
    machine.commit()
    // The second is half settled when the process ends: neither is lost, whichever has come so far.
    for (const known of [5, 7, 9]) {
      const { stored } = machine
      while (stored.length < known) stored.push(machine.frames[stored.length] as Frame)
      machine.storedUpTo(known)
      assert.equal(await machine.recover(), 10 - known)
      stored.length = Math.min(stored.length, known)
    }
    for (const block of machine.blocks) assert.ok(machine.wholeBlocks().has(identified(block).id))
  })

  test('a round that is damaged is not made up for by the next one', async () => {
    const machine = new Machine()
    for (let i = 0; i < 3; i++) machine.commit(100)
    machine.writer.handOver()
    for (let i = 0; i < 3; i++) machine.commit(100)
    machine.disk.open(NAME).write([Buffer.from('damage')], 4096 + 60)
    await assert.rejects(machine.recover(), /continues with record 4, the journal ends with 0/)
  })

  test('of equal blocks one is stored, also when they come in different rounds', async () => {
    const machine = new Machine()
    const unsettled = new UnsettledBlocks()
    const equal = machine.random.bytes(5000)
    const commit = (block: Buffer): void => {
      machine.commitBlock(block)
      unsettled.add(machine.frames.length, [identified(block)])
    }
    for (const block of [equal, machine.random.bytes(100), equal]) commit(block)
    machine.settle()
    commit(equal)
    machine.settle()
    assert.equal(machine.wholeBlocks().size, 2)
    const [first, second] = machine.settled.map(({ seq, places, position }) =>
      unsettled.settle(seq, places, position),
    )
    assert.equal(first?.ids.length, 3)
    assert.deepEqual(
      first?.written.ids.map((id, i) => [id, first.written.places[PLACE_WORDS * i + 2]]),
      [
        [identified(equal).id, 5000],
        [identified(machine.blocks[1] as Buffer).id, 100],
      ],
    )
    assert.deepEqual([second?.ids.length, second?.written.ids.length], [1, 0])
  })

  test('what a full disk did not take is told once when it does', async () => {
    const machine = new Machine()
    machine.commit()
    const { appendAll } = machine.journal
    let full = true
    machine.settler = new Settler({
      journal: {
        ...machine.journal,
        appendAll: (frames) => {
          if (full) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
          appendAll(frames)
        },
      },
      disk: machine.disk,
      blocks: new BlockWriter(machine.index, { disk: machine.segments, lane: lanes.log }),
    })
    for (let i = 0; i < 3; i++) assert.throws(() => machine.settle(), { code: 'ENOSPC' })
    machine.commit()
    full = false
    machine.settle()
    assert.equal(machine.stored.length, 2)
    assert.deepEqual(
      machine.settled.map(({ places }) => places[2]),
      [1, 1],
    )
    assert.equal(machine.wholeBlocks().size, 2)
  })

  test('blocks that are restored lie behind all that the lane has had', async () => {
    const machine = new Machine()
    machine.commit()
    machine.settle()
    const before = machine.segments.list()
    machine.commit()
    machine.storedUpTo(1)
    // The collector has emptied it since, and removed it.
    for (const name of before) machine.segments.remove(name)
    assert.equal(await machine.recover(), 1)
    const [after] = machine.segments.list()
    assert.ok((after as string) > (before.at(-1) as string))
  })

  test('is never fuller than it is long, but for what is larger', async () => {
    const machine = new Machine()
    for (let i = 0; i < 300; i++) machine.commit(60_000)
    assert.ok(machine.stored.length > 100)
    const size = (): number[] => [NAME, OTHER].map((name) => machine.disk.open(name).size())
    assert.deepEqual(size(), [8 * MiB, 8 * MiB])
    machine.commit(9 * MiB)
    assert.ok(Math.max(...size()) > 9 * MiB)
    assert.equal(readTail(machine.disk).entries.at(-1)?.blocks[0]?.bytes.length, 9 * MiB)
    const { journal, disk, segments } = machine
    machine.storedUpTo(machine.stored.length)
    const restored: TailEntry[] = []
    const restore = (entries: readonly TailEntry[]) => void restored.push(...entries)
    const content = readTail(disk)
    const known = machine.stored.length
    assert.equal(await recoverTail({ journal, content, restore }), 301 - known)
    machine.storedUpTo(known)
    for (let i = 0; i < 3; i++) machine.commit()
    machine.settle()
    machine.settle()
    assert.deepEqual(size(), [8 * MiB, 8 * MiB])
    assert.equal(machine.stored.length, 304)
    assert.ok(segments.list().length > 0)
  })

  test('LMDB takes many frames at a time, over the edge of a segment too', async () => {
    const { path: dir, remove } = temporaryDirectory('tail')
    const journal = await LmdbJournal.open({ dir, segmentBytes: 20_000 })
    const frames: Frame[] = []
    for (let i = 0; i < 200; i++) {
      frames.push(frameAfter(frames.length === 0 ? EMPTY_TAIL : tailOf(frames.at(-1) as Frame)))
    }
    journal.appendAll(frames)
    const read: number[] = []
    for await (const { firstSeq } of journal.stored(1)) read.push(firstSeq)
    assert.deepEqual(
      read,
      frames.map(({ firstSeq }) => firstSeq),
    )
    assert.ok(journal.segmentCount() > 1)
    assert.throws(() => journal.appendAll(frames.slice(-2)), { name: 'FencedError' })
    await journal.close()
    remove()
  })
})

function fileEnd({ disk, frames }: Machine): number {
  return readTail(disk)
    .entries.slice(0, frames.length)
    .reduce((sum, { frame, blocks }) => sum + entrySize(frame, blocks), 4096)
}
