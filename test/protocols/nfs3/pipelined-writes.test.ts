/** Many writes on one connection: the memory that one came in is used for the next. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stable_how } from '../../../src/protocols/nfs3/procedures/write.ts'
import { ok } from '../../client/nfs3-client.ts'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'
import { serveShare } from '../served-share.ts'
import { ALICE } from '../session.ts'

const share = await serveShare()
const seed = seedFromEnvironment()

for (const [name, stable] of Object.entries(stable_how)) {
  describe(`${name} writes, one behind the other`, () => {
    for (const most of [4096, 24_000, 128 * 1024]) {
      test(`of up to ${most} bytes are read back, also after a crash`, async () => {
        const random = new SeededRandom(seed)
        const slot = 4096 * Math.ceil((2 * most) / 4096)
        const { session, dir } = await share.workplace(ALICE)
        const file = await session.create(dir, 'file')
        const count = most > 4096 ? 100 : 500
        const expected = Buffer.alloc(slot * count)
        const writes = Array.from({ length: count }, (_, i) => {
          // Whole granules, which go to the disk with their record, and others.
          const length = random.chance(0.5) ? most : 1 + random.below(most)
          const data = random.bytes(length)
          data.copy(expected, i * slot)
          return session.nfs.write({ file, offset: i * slot, count: length, stable, data })
        })
        for (const result of await Promise.all(writes)) ok(result)
        const end = expected.length - slot
        const same = async (reader = session): Promise<void> => {
          const content = await reader.readAll(file)
          assert.ok(content.length > end, `length ${content.length}`)
          const at = content.findIndex((byte, i) => byte !== expected[i])
          assert.equal(at, -1, `byte ${at} differs, DFS_SEED=${seed}`)
        }
        await same()
        ok(await session.nfs.commit({ file, offset: 0, count: 0 }))
        await same()
        await share.crash()
        await same(await share.session(ALICE))
      })
    }
  })
}

describe('attributes that are asked for between FILE_SYNC writes', () => {
  test('are never those of the content that follows', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: Buffer.alloc(64 * 4096) })
    const write = (i: number) => {
      const data = Buffer.alloc(4096, i + 1)
      const stable = stable_how.FILE_SYNC
      return session.nfs.write({ file, offset: i * 4096, count: data.length, stable, data })
    }
    for (let round = 0; round < 20; round++) {
      const before = [write(0), write(1), write(2)]
      const seen = session.nfs.getattr({ object: file })
      const after = [write(3), write(4), write(5)]
      for (const result of await Promise.all([...before, ...after])) ok(result)
      const { obj_attributes: between } = ok(await seen)
      const { obj_attributes: end } = ok(await session.nfs.getattr({ object: file }))
      assert.notDeepEqual(between.ctime, end.ctime)
      assert.notDeepEqual(between.mtime, end.mtime)
    }
    await share.crash()
    const content = await (await share.session(ALICE)).readAll(file)
    for (let i = 0; i < 6; i++) assert.equal(content[i * 4096], i + 1)
  })
})
