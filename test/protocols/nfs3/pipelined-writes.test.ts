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
