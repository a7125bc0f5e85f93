import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlockIndex } from '../../src/content/block-index.ts'
import { BlockWriter, identified } from '../../src/content/block-writer.ts'
import { Mender } from '../../src/content/mender.ts'
import { type FoundBlock, laneOf, lanes, segmentName } from '../../src/content/segment.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { MemoryDisk } from '../model/memory-disk.ts'

const block = (n: number) => identified(Buffer.alloc(5000 + n, n))
const all = Array.from({ length: 300 }, (_, i) => block(i))

/** Many blocks in a few segments, of which the index has lost some. */
function machine(lost: readonly number[]) {
  const disk = new MemoryDisk()
  const index = new BlockIndex(new MemoryStore())
  const writer = new BlockWriter(index, { disk, lane: lanes.bulk, segmentBytes: 500_000 })
  const { written, position } = writer.store(all)
  index.change(written, [], new Map([[laneOf(position.segment), position]]))
  const ids = lost.map((n) => all[n]?.id as string)
  index.change([], ids, new Map())
  const hidden: FoundBlock[] = []
  let pauses = 0
  let onPause = (): unknown => undefined
  const mender = new Mender({
    disk,
    index,
    writer,
    flush: () => undefined,
    change: (some, at) => index.change(some, [], new Map([[laneOf(at.segment), at]])),
    pause: async () => {
      pauses += 1
      onPause()
    },
    onHidden: (found) => hidden.push(found),
  })
  return {
    disk,
    index,
    writer,
    written,
    mender,
    ids,
    hidden,
    pauses: () => pauses,
    during: (work: () => unknown) => {
      onPause = work
    },
  }
}

test('one search finds all that the index has lost', async () => {
  const { mender, index, ids, hidden, pauses, written } = machine([3, 4, 150, 299])
  assert.deepEqual(
    await Promise.all([mender.find(ids[0] as string), mender.find(ids[2] as string)]),
    [true, true],
  )
  await mender.find('\0'.repeat(32))
  const once = pauses()
  assert.ok(once > 2, 'it goes on in pieces')
  for (const [i, n] of [3, 4, 150, 299].entries()) {
    const { segment, offset, length } = written[n] as FoundBlock
    assert.deepEqual(index.get(ids[i] as string), { segment, offset, length })
  }
  assert.deepEqual(
    new Set(hidden.map(({ id }) => id)),
    new Set([ids[2], ids[0]]),
    'who was asked for',
  )
  assert.equal(await mender.find('\0'.repeat(32)), false)
  assert.equal(await mender.find('\x01'.repeat(32)), false)
  assert.equal(pauses(), once, 'one search finds all there is')
})

test('who asks while a search is under way is answered by it', async () => {
  const { mender, ids, during, pauses } = machine([0, 298])
  const late: Promise<boolean>[] = []
  during(() => {
    if (pauses() === 1)
      late.push(...ids.map((id) => mender.find(id)), mender.find('\x01'.repeat(32)))
  })
  assert.equal(await mender.find('\0'.repeat(32)), false)
  assert.deepEqual(await Promise.all(late), [true, true, false])
})

test('what is emptied meanwhile, or gone, is left alone', async () => {
  const { mender, index, writer, disk, ids, written, during } = machine([0, 298])
  const [first, last] = [written[0]?.segment as number, written[298]?.segment as number]
  writer.condemn(new Set([first]))
  during(() => {
    if (disk.list().includes(segmentName(last))) disk.remove(segmentName(last))
  })
  assert.deepEqual(await Promise.all(ids.map((id) => mender.find(id))), [false, false])
  for (const id of ids) assert.equal(index.get(id), undefined)
})

test('what is damaged is found as that, what comes into the index by itself is not', async () => {
  const { mender, disk, index, writer, ids, written } = machine([7])
  const { segment, offset } = written[7] as FoundBlock
  disk.open(segmentName(segment)).write([Buffer.from('damage')], offset + 100)
  const coming = block(999)
  writer.store([coming])
  assert.equal(await mender.find(ids[0] as string), true)
  assert.deepEqual(index.get(ids[0] as string), { segment, offset, length: 5007, damaged: true })
  assert.equal(await mender.find(coming.id), false)
  assert.equal(index.get(coming.id), undefined)
})

test('who looks in vain because something fails is told', async () => {
  const { mender, ids, during } = machine([298])
  during(() => {
    throw new Error('medium')
  })
  await assert.rejects(mender.find(ids[0] as string), /medium/)
  during(() => undefined)
  assert.equal(await mender.find(ids[0] as string), true)
})

test('a damaged block stands for no equal one, and the good one takes its place', () => {
  const { mender, index, writer, written } = machine([])
  const [bad, moved] = [written[5] as FoundBlock, written[6] as FoundBlock]
  mender.spoiled(bad)
  mender.spoiled({ ...moved, offset: moved.offset + 8 })
  const { segment, offset, length } = bad
  assert.deepEqual(index.get(bad.id), { segment, offset, length, damaged: true })
  assert.deepEqual([...index.all()].filter(({ damaged }) => damaged).length, 1)
  const again = writer.store([block(5), block(6)])
  assert.deepEqual(
    again.written.map(({ id }) => id),
    [bad.id],
  )
  index.change(again.written, [], new Map())
  assert.equal(index.get(bad.id)?.damaged, undefined)
  assert.equal(writer.store([block(5)]).written.length, 0)
})
