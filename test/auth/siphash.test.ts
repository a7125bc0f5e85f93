import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileSipHash, sipKey } from '../../src/auth/siphash.ts'

/** From the reference implementation: key 00..0f, input 00, 01, 02, … of the given length. */
const vectors: Readonly<Record<number, string>> = {
  0: '310e0edd47db6f72',
  4: 'b7877127e09427cf',
  8: '6224939a79f5f593',
  12: 'fbe50e86bc8f1e75',
  16: 'db9bc2577fcc2a3f',
}

for (const [length, expected] of Object.entries(vectors)) {
  test(`${length} bytes hash as the reference says`, () => {
    const bytes = Buffer.from(Array.from({ length: Number(length) }, (_, i) => i))
    const words = new Int32Array(bytes.length / 4).map((_, i) => bytes.readInt32LE(i * 4))
    const out = { low: 0, high: 0 }
    const key = sipKey(Buffer.from(Array.from({ length: 16 }, (_, i) => i)))
    compileSipHash(words.length)(key, words, out)
    const hash = Buffer.alloc(8)
    hash.writeUInt32LE(out.low, 0)
    hash.writeUInt32LE(out.high, 4)
    assert.equal(hash.toString('hex'), expected)
  })
}
