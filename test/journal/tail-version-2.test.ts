import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { dataPaths } from '../../src/commands/data-directory.ts'
import { recoverJournal } from '../../src/commands/recover-journal.ts'
import { identified } from '../../src/content/block-writer.ts'
import { RealDisk } from '../../src/content/disk.ts'
import { blocksOf } from '../../src/content/segment.ts'
import { EMPTY_TAIL, tailOf } from '../../src/journal/journal.ts'
import { readTail, TailFile } from '../../src/journal/tail-log.ts'
import { temporaryDirectory } from '../temporary.ts'
import { entryOf, frameAfter } from './tail-machine.ts'

const SALT = Buffer.alloc(16, 0x33)

test('what version 2 has left is taken, and its files go on as those of today', async () => {
  const { path: dir, remove } = temporaryDirectory('tail')
  const paths = dataPaths(dir)
  const journal = new RealDisk(paths.journal)
  const first = frameAfter(EMPTY_TAIL)
  const second = frameAfter(tailOf(first))
  const blocks = [1000, 4096, 5].map((size) => identified(Buffer.alloc(size, `${size} bytes`)))
  const file = journal.create('tail-b.log')
  const torn = entry(frameAfter(tailOf(second)).bytes, blocks)
  torn.writeUInt8(torn.readUInt8(torn.length - 1) ^ 1, torn.length - 1)
  file.write(
    [header(), entry(first.bytes, blocks.slice(0, 2)), entry(second.bytes, blocks), torn],
    0,
  )
  file.close()
  assert.equal(await recoverJournal(paths), 2)
  assert.equal(await recoverJournal(paths), 0, 'the journal has them')
  const segments = new RealDisk(paths.segments)
  const stored = new Set<string>()
  for (const name of segments.list()) {
    const segment = segments.open(name)
    for (const { id } of blocksOf(segment, 0, undefined, true)) stored.add(id)
    segment.close()
  }
  assert.deepEqual(stored, new Set(blocks.map(({ id }) => id)))

  const today = new TailFile(journal, 1, Buffer.alloc(16, 0x44))
  assert.equal(await recoverJournal(paths), 0, 'nothing of before counts')
  today.append(entryOf(frameAfter(tailOf(second)), blocks), 0)
  today.close()
  assert.equal(readTail(journal).entries.length, 1)
  assert.equal(await recoverJournal(paths), 1)
  remove()
})

/** As version 2 was: docs/formats/tail-log.md. */
function header(): Buffer {
  const header = Buffer.alloc(4096)
  header.write('DFSL')
  header.writeUInt32BE(2, 4)
  SALT.copy(header, 8)
  header.writeUInt32BE(crc32(header.subarray(0, 24)), 24)
  return header
}

function entry(frame: Buffer, blocks: readonly { id: string; bytes: Buffer }[]): Buffer {
  const rows = blocks.map(({ id, bytes }) => {
    const row = Buffer.alloc(36)
    row.writeUInt32BE(bytes.length)
    row.write(id, 4, 'latin1')
    return row
  })
  const head = Buffer.alloc(48)
  const entry = Buffer.concat([head, ...rows, frame, ...blocks.map(({ bytes }) => bytes)])
  entry.write('DFST')
  entry.writeUInt32BE(1, 12)
  entry.writeUInt32BE(entry.length, 16)
  entry.writeUInt32BE(frame.length, 20)
  entry.writeUInt32BE(blocks.length, 24)
  SALT.copy(entry, 32)
  entry.writeUInt32BE(crc32(entry.subarray(8)), 4)
  return entry
}
