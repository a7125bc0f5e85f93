import assert from 'node:assert/strict'
import { test } from 'node:test'
import { framed } from '../../src/content/block.ts'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { Bloom } from '../../src/content/bloom.ts'
import { Compactor } from '../../src/content/compactor.ts'
import { type FoundBlock, laneOf, lanes, segmentName } from '../../src/content/segment.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { MemoryDisk } from '../model/memory-disk.ts'

const block = (n: number) => identified(Buffer.alloc(5000 + n, n))

/** Blocks in a segment that an earlier process wrote, and who empties it. */
function machine(bytes: readonly ReturnType<typeof block>[]) {
  const disk = new MemoryDisk()
  const index = new BlockIndex(new MemoryStore())
  const { written, position } = new BlockWriter(index, { disk, lane: lanes.log }).store(bytes)
  index.change(written, [], new Map([[lanes.log, position]]))
  const writer = new BlockWriter(index, { disk, lane: lanes.bulk })
  const told: FoundBlock[] = []
  const compactor = new Compactor({
    disk,
    index,
    writer,
    pause: async () => undefined,
    onDamage: (damaged) => told.push(damaged),
    change: (some, removed, at) => index.change(some, removed, new Map([[laneOf(at.segment), at]])),
  })
  compactor.begin()
  const live = Bloom.ofBytes(1024)
  const { segment } = position
  const collect = async () => {
    writer.condemn(new Set([segment]))
    const done = await compactor.empty([segment], live)
    compactor.remove(done.removed)
    writer.condemn(new Set())
    return done
  }
  return { disk, index, written, segment, compactor, live, told, writer, collect }
}

test('a block that a damaged index hides is moved, if something refers to it', async () => {
  const [kept, hidden, garbage] = [block(1), block(2), block(3)]
  const { disk, index, segment, compactor, live, collect } = machine([kept, hidden, garbage])
  // What a damaged key comes to.
  index.change([], [hidden.id], new Map())
  for (const { id } of [kept, hidden]) live.add(id)
  const [census] = await compactor.census(live)
  assert.equal(census?.live, kept.bytes.length + hidden.bytes.length)
  const { moved, dropped } = await collect()
  assert.deepEqual({ moved, dropped }, { moved: 2, dropped: 1 })
  assert.ok(!disk.list().includes(segmentName(segment)))
  for (const { id, bytes } of [kept, hidden]) {
    const place = index.get(id) as FoundBlock
    const found = Buffer.alloc(bytes.length)
    disk.open(segmentName(place.segment)).read(found, place.offset + 48)
    assert.ok(found.equals(bytes))
  }
})

test('content that looks like a hidden block is not taken for it behind damage', async () => {
  const wanted = block(1)
  const lie = identified(Buffer.concat(framed(wanted.id, Buffer.alloc(5001, 9))))
  const { disk, index, written, segment, live, collect } = machine([lie])
  disk.open(segmentName(segment)).write([Buffer.from('damage')], written[0]?.offset as number)
  live.add(wanted.id)
  await collect()
  assert.equal(index.get(wanted.id), undefined)
})

/** Takes a block's header away: no walk through its segment meets it any more. */
const behead = (disk: MemoryDisk, { segment, offset }: FoundBlock) =>
  disk.open(segmentName(segment)).write([Buffer.from('damage')], offset)

test('a segment stays while a block in it is needed that has lost its header', async () => {
  const [before, beheaded, behind] = [block(1), block(2), block(3)]
  const { disk, index, written, segment, live, told, collect } = machine([before, beheaded, behind])
  behead(disk, written[1] as FoundBlock)
  for (const { id } of [before, beheaded, behind]) live.add(id)
  const { moved, damaged, removed } = await collect()
  assert.equal(moved, 2)
  assert.deepEqual([damaged, told], [[written[1]], [written[1]]])
  assert.deepEqual(removed, [])
  assert.equal(index.get(beheaded.id)?.segment, segment)
  assert.notEqual(index.get(behind.id)?.segment, segment)
})

test('one that nothing refers to is not looked for in a segment that is gone', async () => {
  const [kept, beheaded] = [block(1), block(2)]
  const { disk, index, written, segment, live, told, writer, collect } = machine([kept, beheaded])
  behead(disk, written[1] as FoundBlock)
  live.add(kept.id)
  const { removed } = await collect()
  assert.deepEqual([removed, told], [[segment], []])
  assert.equal(index.get(beheaded.id), undefined)
  // Equal bytes that come later are stored, and not taken to be there.
  const [place] = writer.store([beheaded]).written
  assert.equal(place?.id, beheaded.id)
})
