import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RecordReader } from '../../../src/protocols/rpc/record-reader.ts'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'

const KiB = 1024

const marked = (record: Buffer): Buffer => {
  const mark = Buffer.alloc(4)
  mark.writeUInt32BE((0x80000000 | record.length) >>> 0)
  return Buffer.concat([mark, record])
}

/** A record that tells where bytes of it came from. */
const numbered = (number: number, length: number): Buffer => Buffer.alloc(length, number)

/**
 * A runtime's read loop: it asks for room right after it has handed bytes over, and reads into it
 * whenever it reads again.
 */
class Loop {
  private readonly reader: RecordReader
  private readonly source: Buffer
  private at = 0
  private room: Buffer

  constructor(reader: RecordReader, source: Buffer) {
    this.reader = reader
    this.source = source
    this.room = reader.room()
  }

  get done(): boolean {
    return this.at === this.source.length
  }

  /** At most `size` bytes come. */
  read(size: number): void {
    const n = this.source.copy(this.room, 0, this.at, this.at + Math.min(size, this.room.length))
    this.at += n
    this.reader.received(this.room, n)
    this.room = this.reader.room()
  }
}

describe('records that are received where they belong', () => {
  test('keep their bytes while later ones come, whoever stops, keeps and resumes', () => {
    const seed = seedFromEnvironment()
    const random = new SeededRandom(seed)
    for (let round = 0; round < 60; round++) {
      const records = Array.from({ length: 60 }, (_, i) => {
        const size = random.below(3) === 0 ? random.below(300 * KiB) : random.below(6 * KiB)
        return numbered(i + 1, size + 1)
      })
      const kept: { readonly bytes: Buffer; readonly record: Buffer }[] = []
      let seen = 0
      const reader = new RecordReader(1024 * KiB, (bytes, start, end) => {
        const record = records[seen] as Buffer
        seen += 1
        const got = bytes.subarray(start, end)
        assert.ok(got.equals(record), `record ${seen} as it comes, seed ${seed}`)
        if (random.below(4) === 0) {
          reader.keep()
          kept.push({ bytes: got, record })
        }
        return random.below(3) !== 0
      })
      const loop = new Loop(reader, Buffer.concat(records.map(marked)))
      while (!loop.done) {
        loop.read(1 + random.below(random.below(2) === 0 ? 100 : 100 * KiB))
        while (reader.waiting) reader.resume()
      }
      assert.equal(seen, records.length, `all records, seed ${seed}`)
      for (const { bytes, record } of kept) assert.ok(bytes.equals(record), `kept, seed ${seed}`)
    }
  })
})
