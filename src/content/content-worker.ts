/**
 * The thread that stores large amounts of content: hashes, writes and syncs blocks, and keeps the
 * index of all of them.
 */
import { workerData } from 'node:worker_threads'
import { serveThread } from '../platform/thread.ts'
import { LmdbStore } from '../store/lmdb-store.ts'
import { BlockIndex, type Position } from './block-index.ts'
import { BlockWriter, identified } from './block-writer.ts'
import type { ContentThreadData, NoteCall, StoreAnswer, StoreCall } from './content-thread.ts'
import { RealDisk } from './disk.ts'
import { type FoundBlock, type Lane, laneOf, lanes } from './segment.ts'

const { segmentsDir, indexPath } = workerData as ContentThreadData

const disk = new RealDisk(segmentsDir)
const index = new BlockIndex(new LmdbStore(indexPath))
const blocks = new BlockWriter(index, { disk, lane: lanes.bulk })

/** Blocks that the index does not have yet, and up to where in each lane. */
let pending: FoundBlock[] = []
let positions = new Map<Lane, Position>()
let timer: NodeJS.Timeout | undefined
const INDEX_MILLIS = 500
const INDEX_BLOCKS = 10_000

function note(written: readonly FoundBlock[], position: Position): void {
  for (const block of written) pending.push(block)
  positions.set(laneOf(position.segment), position)
  if (pending.length >= INDEX_BLOCKS) writeIndex()
  else timer ??= setTimeout(writeIndex, INDEX_MILLIS)
}

function writeIndex(): void {
  clearTimeout(timer)
  timer = undefined
  if (positions.size === 0) return
  const done = positions
  index.change(pending, [], done)
  pending = []
  positions = new Map()
  for (const position of done.values()) emit('indexed', position)
}

const emit = serveThread({
  recover: () => index.recover(disk, (segment) => emit('recovering', segment)),
  store: ({ bytes, lengths }: StoreCall): StoreAnswer => {
    let at = 0
    const named = lengths.map((length) => {
      const block = identified(Buffer.from(bytes.buffer, bytes.byteOffset + at, length))
      at += length
      return block
    })
    const stored = blocks.store(named)
    note(stored.written, stored.position)
    return { ids: named.map(({ id }) => id), stored }
  },
  note: ({ written, position }: NoteCall) => note(written, position),
  condemn: (segments: readonly number[]) => blocks.condemn(new Set(segments)),
  close: async () => {
    writeIndex()
    blocks.close()
    await index.close()
  },
})
