import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { blocksOf, lanes } from '../../src/content/segment.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../src/journal/frame.ts'
import { EMPTY_TAIL, type FrameToAppend, type Tail, tailOf } from '../../src/journal/journal.ts'
import { LmdbJournal } from '../../src/journal/lmdb.ts'
import { LogWriter } from '../../src/journal/log-writer.ts'
import { packRecord } from '../../src/journal/record.ts'
import { type RecoverOptions, recoverTail } from '../../src/journal/recover-tail.ts'
import { readTail, SALT, TailLog } from '../../src/journal/tail-log.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { MemoryDisk } from '../model/memory-disk.ts'
import { SeededRandom } from '../seeded-random.ts'
import { temporaryDirectory } from '../temporary.ts'
import { aRecord } from './records.ts'

const NAME = 'tail.log'

function frameAfter(tail: Tail, count = 1): Frame {
  const records = Array.from({ length: count }, (_, i) =>
    packRecord(aRecord(tail.seq + 1 + i, `name-${tail.seq + 1 + i}`)),
  )
  const time = { sec: 1_700_000_000, nsec: tail.seq + count }
  return encodeFrame(
    { epoch: 1, firstSeq: tail.seq + 1, count, time, previousHash: tail.hash },
    records,
  )
}

/** A machine: disks that outlive whoever writes them, and a journal that is what LMDB has. */
class Machine {
  readonly disk = new MemoryDisk()
  readonly segments = new MemoryDisk()
  readonly index = new BlockIndex(new MemoryStore())
  readonly stored: FrameToAppend[] = []
  readonly journal: RecoverOptions['journal'] = {
    isFree: (seq) => seq > this.tail.seq,
    stored: (from) => this.storedFrom(from),
    append: async (frame) => void this.stored.push(frame),
    appendAll: (frames) => void this.stored.push(...frames),
    tail: async () => this.tail,
  }
  tail: Tail = EMPTY_TAIL
  readonly frames: Frame[] = []
  readonly blocks: Buffer[] = []
  readonly random = new SeededRandom(7)
  writer = this.open()

  open(): LogWriter {
    return new LogWriter({
      journal: this.journal,
      disk: this.disk,
      salt: Buffer.alloc(SALT, 0x5a),
      blocks: (onWrite) =>
        new BlockWriter(this.index, { disk: this.segments, lane: lanes.log, onWrite }),
    })
  }

  commit(size = 4096): void {
    const frame = frameAfter(this.frames.length === 0 ? EMPTY_TAIL : tailOf(this.last))
    const block = this.random.bytes(size)
    this.writer.append(frame, [identified(block)])
    this.frames.push(frame)
    this.blocks.push(block)
  }

  get last(): Frame {
    return this.frames.at(-1) as Frame
  }

  private async *storedFrom(from: number): AsyncIterable<Frame> {
    for (const { bytes, firstSeq } of this.stored) if (firstSeq >= from) yield decodeFrame(bytes)
  }

  /** What LMDB had at some moment is what it has. */
  storedUpTo(count: number): void {
    this.stored.length = count
    this.tail = count === 0 ? EMPTY_TAIL : tailOf(this.frames[count - 1] as Frame)
  }

  async recover(): Promise<number> {
    const { journal, disk, segments } = this
    return recoverTail({ journal, content: readTail(disk), segments })
  }

  /** Ids of the blocks that are whole in segments. */
  wholeBlocks(): Set<string> {
    const ids = new Set<string>()
    for (const name of this.segments.list()) {
      for (const { id } of blocksOf(this.segments.open(name), 0, undefined, true)) ids.add(id)
    }
    return ids
  }
}

describe('tail log', () => {
  test('has what LMDB and segments do not have, until they do', async () => {
    const machine = new Machine()
    for (let i = 0; i < 5; i++) machine.commit()
    assert.equal(machine.stored.length, 0)
    assert.equal(readTail(machine.disk).entries.length, 5)
    // A power cut: the segment's bytes never reached the disk.
    for (const name of machine.segments.list()) machine.segments.open(name).truncate(0)
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
    machine.writer.drain()
    machine.storedUpTo(9)
    for (let i = 0; i < 3; i++) machine.commit()
    assert.equal(readTail(machine.disk).entries.length, 3)
    assert.equal(await machine.recover(), 3)
    assert.equal(machine.stored.length, 12)
  })

  test('what is in LMDB already is not taken again', async () => {
    const machine = new Machine()
    for (let i = 0; i < 4; i++) machine.commit()
    machine.writer.drain()
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
    new TailLog(forger, Buffer.alloc(SALT, 1)).append(1000, other.bytes, [])
    const forged = Buffer.alloc(600)
    forger.open(NAME).read(forged, 4096)
    const content = Buffer.concat(Array.from({ length: 100 }, () => forged))
    const commit = (block: Buffer): void => {
      const frame = frameAfter(machine.frames.length === 0 ? EMPTY_TAIL : tailOf(machine.last))
      machine.writer.append(frame, [identified(block)])
      machine.frames.push(frame)
    }
    for (let i = 0; i < 60; i++) commit(Buffer.concat([Buffer.from(`${i}`.padEnd(8)), content]))
    machine.writer.drain()
    machine.storedUpTo(60)
    // The first of the next round, whose end lies in the middle of what they wrote.
    for (let i = 0; i < 20; i++) {
      commit(machine.random.bytes(1 + machine.random.below(40)))
      assert.equal(await machine.recover(), 1)
      machine.writer.drain()
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
    for (let i = 0; i < 3; i++) machine.commit()
    machine.writer.drain()
    for (let i = 0; i < 3; i++) machine.commit()
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

  test('is never fuller than it is long, and takes no group that is large', async () => {
    const machine = new Machine()
    for (let i = 0; i < 300; i++) machine.commit(60_000)
    assert.ok(machine.stored.length > 200)
    const before = machine.stored.length
    machine.commit(1024 * 1024)
    assert.equal(machine.stored.length, 301)
    assert.ok(before < 301)
    assert.equal(readTail(machine.disk).entries.length < 300, true)
    machine.storedUpTo(301)
    assert.equal(await machine.recover(), 0)
    assert.equal(machine.wholeBlocks().size, 301)
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
  // The header, one row for each write, and what they are about.
  return readTail(disk)
    .entries.slice(0, frames.length)
    .reduce(
      (sum, { frame, writes }) =>
        sum +
        44 +
        frame.length +
        writes.reduce((all, { buffers }) => all + 12 + (buffers[0] as Buffer).length, 0),
      4096,
    )
}
