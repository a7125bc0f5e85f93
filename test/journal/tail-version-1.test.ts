import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { dataPaths } from '../../src/commands/data-directory.ts'
import { recoverJournal } from '../../src/commands/recover-journal.ts'
import { framed } from '../../src/content/block.ts'
import { identified } from '../../src/content/block-writer.ts'
import { RealDisk } from '../../src/content/disk.ts'
import {
  blocksOf,
  lanes,
  segmentHeader,
  segmentId,
  segmentName,
} from '../../src/content/segment.ts'
import { EMPTY_TAIL, tailOf } from '../../src/journal/journal.ts'
import { temporaryDirectory } from '../temporary.ts'
import { frameAfter } from './tail-machine.ts'

test('what an earlier version has left in its one file is taken, and the file goes', async () => {
  const { path: dir, remove } = temporaryDirectory('tail')
  const paths = dataPaths(dir)
  const journal = new RealDisk(paths.journal)
  const [first, second] = [frameAfter(EMPTY_TAIL), frameAfter(tailOf(frameAfter(EMPTY_TAIL)))]
  const block = Buffer.alloc(1000, 'of an earlier version')
  const { id } = identified(block)
  const stored = Buffer.concat(framed(id, block))
  const file = journal.create('tail.log')
  const { header, entries } = version1([
    { frame: first.bytes, at: 0, bytes: segmentHeader(segmentId(lanes.log, 3)) },
    { frame: second.bytes, at: 64, bytes: stored },
  ])
  file.write([header, ...entries], 0)
  file.close()
  assert.equal(await recoverJournal(paths), 2)
  assert.equal(await recoverJournal(paths), 0)
  assert.deepEqual(
    journal.list().filter((name) => name.startsWith('tail')),
    [],
  )
  const segments = new RealDisk(paths.segments)
  const segment = segments.open(segmentName(segmentId(lanes.log, 3)))
  assert.deepEqual(
    [...blocksOf(segment, 0, undefined, true)].map((found) => found.id),
    [id],
  )
  segment.close()
  remove()
})

interface Written1 {
  readonly frame: Buffer
  readonly at: number
  readonly bytes: Buffer
}

/** The file as version 1 was: docs/formats/tail-log.md. */
function version1(written: readonly Written1[]): { header: Buffer; entries: Buffer[] } {
  const salt = Buffer.alloc(16, 0x33)
  const header = Buffer.alloc(4096)
  header.write('DFSL')
  header.writeUInt32BE(1, 4)
  salt.copy(header, 8)
  header.writeUInt32BE(crc32(header.subarray(0, 24)), 24)
  const entries = written.map(({ frame, at, bytes }) => {
    const entry = Buffer.alloc(56 + frame.length + bytes.length)
    entry.write('DFST')
    entry.writeUInt32BE(1, 12)
    entry.writeUInt32BE(entry.length, 16)
    entry.writeUInt32BE(frame.length, 20)
    entry.writeUInt32BE(1, 24)
    salt.copy(entry, 28)
    entry.writeUInt32BE(segmentId(lanes.log, 3), 44)
    entry.writeUInt32BE(at, 48)
    entry.writeUInt32BE(bytes.length, 52)
    frame.copy(entry, 56)
    bytes.copy(entry, 56 + frame.length)
    entry.writeUInt32BE(crc32(entry.subarray(8)), 4)
    return entry
  })
  return { header, entries }
}
