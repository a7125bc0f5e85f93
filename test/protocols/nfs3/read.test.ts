/** RFC 1813 section 3.3.6: READ. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ftype3 } from '../../../src/protocols/nfs3/wire-types.ts'
import { ok } from '../../client/nfs3-client.ts'
import { SeededRandom } from '../../seeded-random.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, ROOT } from '../session.ts'
import { assertStatus } from './expectations.ts'

const share = await serveShare()
const content = new SeededRandom(1).bytes(100_000)

test('returns what is there, how much it is, and whether it is the end', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file', { data: content })
  const size = content.length
  for (const [offset, count] of [
    [0, 1],
    [0, size],
    [0, size + 1],
    [1, size],
    [4095, 2],
    [4096, 4096],
    [size - 1, 1],
    [size - 2, 1],
    [size, 1],
    [size + 1, 10],
    [2 ** 52, 10],
    [0, 0],
    [size, 0],
  ] as const) {
    const result = ok(await session.nfs.read({ file, offset, count }))
    const expected = content.subarray(offset, offset + count)
    assert.ok(result.data.equals(expected), `${count} bytes at ${offset}`)
    assert.equal(result.count, expected.length)
    assert.equal(result.eof, offset + count >= size, `eof of ${count} bytes at ${offset}`)
  }
})

test('comes with the attributes', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file', { data: 'content' })
  await session.read(file, 0, 1)
  const { file_attributes } = ok(await session.nfs.read({ file, offset: 0, count: 7 }))
  assert.deepEqual(file_attributes, await session.attributes(file))
})

test('counts of any size, up to rtmax in one reply', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file')
  const whole = new SeededRandom(2).bytes(1 << 20)
  await session.write(file, 0, whole)
  await session.write(file, 1 << 20, 'behind it')
  const { rtmax } = ok(await session.nfs.fsinfo({ fsroot: session.root }))
  for (const count of [rtmax, rtmax + 1, rtmax + 9, 2 ** 31, 2 ** 32 - 1]) {
    const result = ok(await session.nfs.read({ file, offset: 0, count }))
    assert.ok(result.data.equals(whole.subarray(0, rtmax)), `count ${count}`)
    assert.equal(result.eof, false)
  }
})

test('an empty file ends at its beginning', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file')
  const result = ok(await session.nfs.read({ file, offset: 0, count: 100 }))
  assert.deepEqual([result.count, result.eof, result.data.length], [0, true, 0])
})

test('what was written and not committed is read by everybody at once', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file', { mode: 0o644, data: 'aaaaaaaaaa' })
  const other = (await share.session(BOB)).as(BOB)
  await session.write(file, 3, 'bbb', 0)
  assert.equal((await other.readAll(file)).toString(), 'aaabbbaaaa')
  await session.write(file, 12, 'c', 0)
  assert.equal((await other.readAll(file)).toString('latin1'), 'aaabbbaaaa\0\0c')
})

describe('who may', () => {
  test('whoever may read, or execute; and the owner in any case', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: 'content' })
    const read = (as: typeof session) => as.nfs.read({ file, offset: 0, count: 7 })
    for (const [mode, status] of [
      [0o604, 'NFS3_OK'],
      [0o601, 'NFS3_OK'],
      [0o602, 'NFS3ERR_ACCES'],
      [0o660, 'NFS3ERR_ACCES'],
    ] as const) {
      await session.set(file, { mode })
      assertStatus(await read(session.as(BOB)), status, mode.toString(8))
    }
    await session.set(file, { mode: 0 })
    assertStatus(await read(session), 'NFS3_OK', 'the owner')
    assertStatus(await read(session.as(ROOT)), 'NFS3_OK', 'root')
    const refused = await read(session.as(BOB))
    assertStatus(refused, 'NFS3ERR_ACCES')
    assert.deepEqual(refused.file_attributes, await session.attributes(file))
  })
})

test('only regular files have content: NFS3ERR_ISDIR, NFS3ERR_INVAL', async () => {
  const { session, dir } = await share.workplace(ROOT)
  const symlink = await session.symlink(dir, 'symlink', 'target')
  const fifo = await session.mknod(dir, 'fifo', { type: ftype3.NF3FIFO })
  const read = (file: Buffer) => session.nfs.read({ file, offset: 0, count: 1 })
  assertStatus(await read(dir), 'NFS3ERR_ISDIR')
  assertStatus(await read(symlink), 'NFS3ERR_INVAL')
  assertStatus(await read(fifo), 'NFS3ERR_INVAL')
})
