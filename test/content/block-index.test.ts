import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { framed } from '../../src/content/block.ts'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { blockAt, lanes, SEGMENT_HEADER, segmentName } from '../../src/content/segment.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { MemoryDisk } from '../model/memory-disk.ts'
import { SeededRandom } from '../seeded-random.ts'
import { Power } from '../simulation/power.ts'
import { SimulatedDisk } from '../simulation/simulated-disk.ts'

const SEED = 1
const block = identified(Buffer.alloc(20_000, 'what a client wrote'))

/** A disk that has failed to sync a block, which the system shows whole all the same. */
function failedSync(): SimulatedDisk {
  const power = new Power(new SeededRandom(SEED))
  power.begin(Number.POSITIVE_INFINITY)
  const disk = new SimulatedDisk(power)
  disk.faults = { write: 0, sync: 1 }
  const writer = new BlockWriter(new BlockIndex(new MemoryStore()), { disk, lane: lanes.log })
  assert.throws(() => writer.store([block]), { code: 'EIO' })
  disk.faults = { write: 0, sync: 0 }
  return disk
}

const after = identified(Buffer.alloc(9000, 'written when all before was collected'))

describe('block index', () => {
  test('finds what is written when the last segments of a lane are gone', () => {
    const power = new Power(new SeededRandom(SEED))
    power.begin(Number.POSITIVE_INFINITY)
    const disk = new SimulatedDisk(power)
    const store = new MemoryStore()
    const index = new BlockIndex(store)
    const first = new BlockWriter(index, { disk, lane: lanes.log })
    const { written, position } = first.store([block])
    index.change(written, [], new Map([[lanes.log, position]]))
    index.change([], [block.id], new Map())
    disk.remove(segmentName(position.segment))
    new BlockWriter(index, { disk, lane: lanes.log }).store([after])
    const recovered = new BlockIndex(store)
    recovered.recover(disk)
    assert.ok(recovered.get(after.id) !== undefined, 'the block is in no segment')
  })

  test('finds what is written when all were collected by who had written nothing', async () => {
    const disk = new MemoryDisk()
    const store = new MemoryStore()
    const index = new BlockIndex(store)
    const first = new BlockWriter(index, { disk, lane: lanes.bulk })
    const { written, position } = first.store([block])
    index.change(written, [], new Map([[lanes.bulk, position]]))
    // The next process collects before it writes.
    const second = new BlockWriter(index, { disk, lane: lanes.bulk })
    const nothing = await second.storeLater([], (stored) => stored)
    index.change([], [block.id], new Map([[lanes.bulk, nothing.position]]))
    disk.remove(segmentName(position.segment))
    new BlockWriter(index, { disk, lane: lanes.bulk }).store([after])
    const recovered = new BlockIndex(store)
    recovered.recover(disk)
    assert.ok(recovered.get(after.id) !== undefined, 'the block is in no segment')
  })

  test('what a failed sync left is durable once it is indexed', () => {
    const disk = failedSync()
    const index = new BlockIndex(new MemoryStore())
    assert.equal(index.recover(disk), 1)
    disk.cut()
    const { segment, offset } = index.get(block.id) ?? { segment: -1, offset: -1 }
    const file = disk.open(segmentName(segment))
    assert.equal(blockAt(file, segment, offset, true)?.id, block.id)
  })

  test('content that looks like a block of other content is not taken for it behind damage', () => {
    const disk = new MemoryDisk()
    const wanted = identified(Buffer.alloc(5000, 1))
    const lie = Buffer.concat(framed(wanted.id, Buffer.alloc(5000, 2)))
    const truth = Buffer.concat(framed(wanted.id, wanted.bytes))
    // Wherever the header of what carries them ends.
    for (let shift = 0; shift < 8; shift++) {
      const bytes = Buffer.concat([Buffer.alloc(shift), lie])
      const writer = new BlockWriter(new BlockIndex(new MemoryStore()), { disk, lane: lanes.log })
      const { written } = writer.store([identified(bytes)])
      for (const { segment, offset } of written) {
        disk.open(segmentName(segment)).write([Buffer.from('damage')], offset)
      }
    }
    const index = new BlockIndex(new MemoryStore())
    assert.equal(index.recover(disk), 0)
    const file = disk.create(segmentName(lanes.bulk))
    file.write([truth], SEGMENT_HEADER)
    assert.equal(new BlockIndex(new MemoryStore()).recover(disk), 1, 'what is true is found')
  })

  test('a power cut takes what a failed sync left', () => {
    const disk = failedSync()
    disk.cut()
    assert.equal(new BlockIndex(new MemoryStore()).recover(disk), 0)
  })
})
