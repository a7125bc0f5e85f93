import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { headerSize, readHeader } from '../../src/content/block.ts'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockWriter, identified, type Stored } from '../../src/content/block-writer.ts'
import type { Disk, DiskFile } from '../../src/content/disk.ts'
import { lanes, SEGMENT_HEADER, segmentName } from '../../src/content/segment.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { MemoryDisk } from '../model/memory-disk.ts'

/** A disk whose syncs end when the test says so. */
class SlowDisk extends MemoryDisk implements Disk {
  readonly log: string[] = []
  /** Whether the syncs that one waits for fail. */
  failing = false
  /** What writes wait for. */
  gate: Promise<void> | undefined
  readonly syncs: PromiseWithResolvers<void>[] = []

  override create(name: string): DiskFile {
    const file = super.create(name)
    const { write, sync, close } = file
    file.write = (buffers, at) => {
      this.log.push(`write ${at}`)
      write.call(file, buffers, at)
    }
    file.sync = () => {
      this.log.push('sync')
      if (this.failing) throw new Error('medium')
      sync.call(file)
    }
    const { writeLater } = file
    file.writeLater = async (buffers, at) => {
      await this.gate
      await writeLater.call(file, buffers, at)
    }
    file.syncLater = async () => {
      this.log.push('sync begins')
      const ended = Promise.withResolvers<void>()
      this.syncs.push(ended)
      await ended.promise
      this.log.push('sync ends')
    }
    file.close = () => {
      this.log.push('close')
      close.call(file)
    }
    return file
  }

  async end(error?: Error): Promise<void> {
    const sync = this.syncs.shift()
    assert.ok(sync, 'a sync is under way')
    if (error === undefined) sync.resolve()
    else sync.reject(error)
    await turn()
  }
}

const block = (n: number) => identified(Buffer.alloc(4096, n))

function writerOn(disk: Disk, segmentBytes?: number): BlockWriter {
  const options = { disk, lane: lanes.bulk, ...(segmentBytes && { segmentBytes }) }
  return new BlockWriter(new BlockIndex(new MemoryStore()), options)
}

describe('BlockWriter.condemn', () => {
  test('nobody relies on what was written to a segment that was emptied', async () => {
    const disk = new MemoryDisk()
    const index = new BlockIndex(new MemoryStore())
    const writer = new BlockWriter(index, { disk, lane: lanes.bulk })
    const { written, position } = writer.store([block(1)])
    // Another lane has stored the same meanwhile, and is the one that the index finds.
    const other = new BlockWriter(new BlockIndex(new MemoryStore()), { disk, lane: lanes.log })
    const elsewhere = other.store([block(1)])
    index.change([...written, ...elsewhere.written], [], new Map([[lanes.bulk, position]]))
    writer.condemn(new Set([position.segment]))
    disk.remove(segmentName(position.segment))
    writer.condemn(new Set())
    const condemned = new Set([elsewhere.position.segment])
    writer.condemn(condemned)
    const moved = await writer.storeLater([block(1)], (stored) => stored)
    assert.equal(moved.written.length, 1, 'it lies nowhere else any more')
    writer.condemn(new Set())
    const [again] = writer.store([block(1)]).locations
    assert.deepEqual(again, moved.locations[0])
  })

  test('nor on what was dropped from one that stays', () => {
    const index = new BlockIndex(new MemoryStore())
    const writer = new BlockWriter(index, { disk: new MemoryDisk(), lane: lanes.log })
    const { position } = writer.store([block(1)])
    // Another thread has emptied it as far as it could: the index does not have the block.
    writer.condemn(new Set([position.segment]))
    writer.condemn(new Set())
    assert.equal(writer.store([block(1)]).written.length, 1)
  })
})

describe('BlockWriter.storeLater', () => {
  const start = (segmentBytes?: number) => {
    const disk = new SlowDisk()
    const writer = writerOn(disk, segmentBytes)
    const done: string[] = []
    const store = (name: string, ...blocks: number[]): Promise<Stored> => {
      const stored = writer.storeLater(blocks.map(block), (what) => {
        done.push(name)
        return what
      })
      stored.catch(() => undefined)
      return stored
    }
    return { disk, writer, done, store }
  }

  test('goes on with the next segment when one could not be begun', async () => {
    const { disk, done, store } = start()
    const { create } = disk
    disk.create = (name) => {
      disk.create = create
      create.call(disk, name)
      throw new Error('no room for its name to be durable')
    }
    await assert.rejects(store('refused', 1))
    const again = store('again', 1)
    await turn()
    await disk.end()
    assert.deepEqual(done, ['again'])
    assert.deepEqual(disk.list(), ['1-0000000000.seg', '1-0000000001.seg'])
    assert.equal((await again).written.length, 1)
  })

  test('who writes nothing is told behind those whose blocks lie before its position', async () => {
    const { disk, done, store } = start()
    void store('first', 1)
    await turn()
    // Its sync begins when the first has ended.
    void store('second', 2)
    await turn()
    await disk.end()
    void store('third')
    await turn()
    await disk.end()
    assert.deepEqual(done, ['first', 'second', 'third'])
  })

  test('is done when a sync has ended that began after the write, in order', async () => {
    const { disk, done, store } = start()
    store('a', 1)
    await turn()
    store('b', 2)
    store('c', 3)
    await turn()
    assert.deepEqual(done, [])
    assert.equal(disk.log.filter((line) => line === 'sync begins').length, 1)
    await disk.end()
    assert.deepEqual(done, ['a'])
    assert.equal(disk.syncs.length, 1, 'one for both that came meanwhile')
    await disk.end()
    assert.deepEqual(done, ['a', 'b', 'c'])
    assert.equal(disk.syncs.length, 0)
  })

  test('of what is being stored is done no earlier, and writes nothing', async () => {
    const { disk, done, store } = start()
    const a = store('a', 1)
    await turn()
    const writes = disk.log.length
    const same = store('same', 1)
    const none = store('none')
    await turn()
    assert.equal(disk.log.length, writes)
    assert.deepEqual(done, [])
    await disk.end()
    assert.deepEqual(done, ['a', 'same', 'none'])
    assert.deepEqual((await same).locations, (await a).locations)
    assert.deepEqual((await same).written, [])
    assert.ok((await none).position.offset >= (await a).position.offset)
  })

  test('fails with everything that waits, and relies on none of it later', async () => {
    const { disk, done, store } = start()
    const waiting = [store('a', 1), store('same', 1)]
    await turn()
    waiting.push(store('b', 2), store('c', 1, 3))
    await turn()
    await disk.end(new Error('medium'))
    const ended = await Promise.allSettled(waiting)
    assert.ok(ended.every(({ status }) => status === 'rejected'))
    const again = store('again', 1, 2)
    await turn()
    await disk.end()
    assert.deepEqual(done, ['again'])
    const { written, position } = await again
    assert.equal(written.length, 2)
    assert.ok(written.every(({ segment }) => segment === position.segment))
    assert.notEqual(position.segment, lanes.bulk, 'not where the sync failed')
  })

  test('a segment that is full is closed when no sync is under way', async () => {
    const { disk, done, store } = start(10_000)
    store('a', 1)
    await turn()
    const b = store('b', 2, 3, 4)
    await turn()
    assert.ok(disk.log.includes('sync'), 'the full one is synced')
    assert.ok(!disk.log.includes('close'))
    await disk.end()
    assert.ok(disk.log.indexOf('close') > disk.log.indexOf('sync ends'))
    assert.deepEqual(done, ['a'])
    await disk.end()
    assert.deepEqual(done, ['a', 'b'])
    assert.equal(new Set((await b).locations.map(({ segment }) => segment)).size, 2)
  })

  test('a failure that another sync was told of is everybody’s', async () => {
    const { disk, done, store } = start(10_000)
    const a = store('a', 1)
    await turn()
    disk.failing = true
    const b = store('b', 2, 3, 4)
    await turn()
    await disk.end()
    const ended = await Promise.allSettled([a, b])
    assert.deepEqual(
      ended.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.deepEqual(done, [])
  })

  test('what relies on a block that is lost is lost with it, whatever comes between', async () => {
    const { disk, done, store } = start(10_000)
    const a = store('a', 1)
    await turn()
    const gate = Promise.withResolvers<void>()
    disk.gate = gate.promise
    const b = store('b', 1, 2, 3, 4)
    await turn()
    await disk.end(new Error('medium'))
    gate.resolve()
    await turn()
    if (disk.syncs.length > 0) await disk.end()
    const ended = await Promise.allSettled([a, b])
    assert.deepEqual(
      ended.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.deepEqual(done, [])
  })
})

test('of what is written in pieces a full disk keeps none', () => {
  const disk = new MemoryDisk()
  let writes = 0
  let full = true
  const create = disk.create.bind(disk)
  disk.create = (name) => {
    const file = create(name)
    const write = file.write.bind(file)
    file.write = (buffers, at) => {
      writes += 1
      if (full && writes === 4) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
      write(buffers, at)
    }
    return file
  }
  const writer = writerOn(disk)
  const blocks = Array.from({ length: 400 }, (_, i) => {
    const bytes = Buffer.alloc(4096, 1)
    bytes.writeUInt32LE(i)
    return identified(bytes)
  })
  assert.throws(() => writer.write(blocks), { code: 'ENOSPC' })
  const name = segmentName(writer.segment)
  assert.equal(writes, 4, 'the header and three pieces')
  assert.equal(disk.open(name).size(), SEGMENT_HEADER)
  full = false
  const { locations } = writer.write(blocks)
  writer.sync()
  const file = disk.open(name)
  for (const [i, { offset, length }] of locations.entries()) {
    const stored = Buffer.alloc(headerSize(length) + length)
    file.read(stored, offset)
    assert.equal(readHeader(stored)?.id, blocks[i]?.id)
    assert.deepEqual(stored.subarray(headerSize(length)), blocks[i]?.bytes)
  }
})
