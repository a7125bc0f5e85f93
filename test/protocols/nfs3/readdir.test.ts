/** RFC 1813 sections 3.3.16 and 3.3.17: READDIR and READDIRPLUS. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nfs3, ok } from '../../client/nfs3-client.ts'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, type Session } from '../session.ts'
import { directoryReaders, readPages } from './directory-reader.ts'
import { assertStatus, changesBy } from './expectations.ts'

const share = await serveShare()
const cookieverf = Buffer.alloc(8)

async function fill(
  session: Session,
  dir: Buffer,
  count: number,
  prefix = 'entry',
): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `${prefix} ${i}`)
  await Promise.all(names.map((name) => session.create(dir, name)))
  return names
}

const sorted = (names: Iterable<string>): string[] => [...names].sort()

for (const reader of directoryReaders) {
  const { name: procedure, page, roomFor } = reader

  describe(procedure, () => {
    test('lists every entry once, `.` and `..` with the right numbers', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const inner = await session.mkdir(dir, 'inner')
      const names = await fill(session, inner, 50)
      const entries = await readPages(reader, session.nfs, inner, 65_536)
      assert.deepEqual(sorted(entries.map(({ name }) => name)), sorted(['.', '..', ...names]))
      const numbers = new Map(entries.map(({ name, fileid }) => [name, fileid]))
      assert.equal(numbers.get('.'), (await session.attributes(inner)).fileid)
      assert.equal(numbers.get('..'), (await session.attributes(dir)).fileid)
      for (const name of names.slice(0, 5)) {
        const { fileid } = await session.attributes(await session.lookup(inner, name))
        assert.equal(numbers.get(name), fileid)
      }
    })

    test('the root’s `..` is the root', async () => {
      const { session } = await share.workplace()
      const entries = await readPages(reader, session.nfs, session.root, 65_536)
      const root = await session.attributes(session.root)
      assert.equal(entries.find(({ name }) => name === '..')?.fileid, root.fileid)
    })

    test('an empty directory has `.` and `..` only', async () => {
      const { session, dir } = await share.workplace()
      const only = await page(session.nfs, dir, 0, 4096)
      assert.deepEqual(
        only.entries.map(({ name }) => name),
        ['.', '..'],
      )
      assert.equal(only.eof, true)
    })

    test('pages of every size list the same', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const names = await fill(session, dir, 60)
      const all = sorted(['.', '..', ...names])
      const smallest = roomFor('entry 10'.length)
      for (const count of [smallest, smallest + 1, 400, 512, 1024, 4096, 2 ** 20, 2 ** 32 - 1]) {
        const entries = await readPages(reader, session.nfs, dir, Math.max(count, smallest))
        assert.deepEqual(sorted(entries.map(({ name }) => name)), all, `count ${count}`)
      }
    })

    test('NFS3ERR_TOOSMALL when not one entry fits', async () => {
      const { session, dir } = await share.workplace(ALICE)
      for (const count of [0, 1, 4, 100]) {
        assertStatus(await page(session.nfs, dir, 0, count), 'NFS3ERR_TOOSMALL', `${count}`)
      }
      await session.create(dir, 'n'.repeat(255))
      assertStatus(await page(session.nfs, dir, 2, roomFor(255) - 100), 'NFS3ERR_TOOSMALL')
      assert.equal((await page(session.nfs, dir, 2, roomFor(255))).entries.length, 1)
    })

    test('behind the last cookie there is nothing, and that is the end', async () => {
      const { session, dir } = await share.workplace(ALICE)
      await fill(session, dir, 3)
      const entries = await readPages(reader, session.nfs, dir, 4096)
      const behind = await page(session.nfs, dir, entries.at(-1)?.cookie ?? 0, 4096)
      assert.deepEqual(behind, { status: 0, entries: [], eof: true })
    })

    test('any cookie can be gone on from, also backwards', async () => {
      const { session, dir } = await share.workplace(ALICE)
      await fill(session, dir, 30)
      const entries = await readPages(reader, session.nfs, dir, 65_536)
      for (const [i, { cookie }] of [...entries.entries()].reverse()) {
        const rest = await page(session.nfs, dir, cookie, 65_536)
        assert.deepEqual(rest.entries, entries.slice(i + 1))
      }
    })

    test('a cookie that no entry can have is an error or the end', async () => {
      const { session, dir } = await share.workplace(ALICE)
      await fill(session, dir, 3)
      for (const cookie of [2 ** 53 - 1, 2 ** 63, 2 ** 64 - 2048]) {
        const result = await page(session.nfs, dir, cookie, 4096)
        if (result.status === 0) assert.deepEqual(result.entries, [], `cookie ${cookie}`)
        else assertStatus(result, 'NFS3ERR_BAD_COOKIE', `cookie ${cookie}`)
      }
    })

    test('while it changes, what stays is listed once, what goes at most once', async () => {
      const seed = seedFromEnvironment()
      const random = new SeededRandom(seed)
      const { session, dir } = await share.workplace(ALICE)
      const stay = await fill(session, dir, 150, 'stays')
      const go = new Set(await fill(session, dir, 150, 'goes'))
      let made = 0
      const change = async () => {
        for (let i = 0; i < 4; i++) {
          const victim = random.pick([...go])
          if (random.chance(0.5)) {
            await session.remove(dir, victim)
            go.delete(victim)
          } else {
            const name = `made ${made++}`
            if (random.chance(0.3)) await session.rename(dir, victim, dir, name)
            else await session.create(dir, name)
            if (!(await session.exists(dir, victim))) go.delete(victim)
            go.add(name)
          }
        }
      }
      const entries = await readPages(reader, session.nfs, dir, roomFor(10) * 6, change)
      const names = entries.map(({ name }) => name)
      const staying = names.filter((name) => name.startsWith('stays'))
      assert.deepEqual(sorted(staying), sorted(stay), `seed ${seed}`)
      assert.equal(new Set(names).size, names.length, `seed ${seed}`)
    })

    test('what is renamed within its directory is neither missed nor repeated', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const names = await fill(session, dir, 100)
      const seen = new Map<number, number>()
      let next = 0
      const entries = await readPages(reader, session.nfs, dir, roomFor(12) * 5, async () => {
        for (let i = 0; i < 5 && next < names.length; i++, next++) {
          await session.rename(dir, names[(next * 37) % 100] as string, dir, `renamed ${next}`)
        }
      })
      for (const { fileid } of entries) seen.set(fileid, (seen.get(fileid) ?? 0) + 1)
      assert.equal(seen.size, names.length + 2)
      assert.ok([...seen.values()].every((times) => times === 1))
    })

    test('emptying a directory while it is read, as rm -r does', async () => {
      const { session, dir } = await share.workplace(ALICE)
      await fill(session, dir, 300)
      await readPages(reader, session.nfs, dir, 2048, async ({ entries }) => {
        const names = entries.map(({ name }) => name).filter((name) => !name.startsWith('.'))
        await Promise.all(names.map((name) => session.remove(dir, name)))
      })
      assert.ok((await session.names(dir)).length < 60, 'only the last page is left')
    })

    test('needs permission to read, not to search: NFS3ERR_ACCES', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const inner = await session.mkdir(dir, 'inner', 0o773)
      const bob = session.as(BOB)
      assertStatus(await page(bob.nfs, inner, 0, 4096), 'NFS3ERR_ACCES')
      await session.set(inner, { mode: 0o774 })
      assertStatus(await page(bob.nfs, inner, 0, 4096), 'NFS3_OK')
    })

    test('NFS3ERR_NOTDIR for what is no directory', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const file = await session.create(dir, 'file')
      assertStatus(await page(session.nfs, file, 0, 4096), 'NFS3ERR_NOTDIR')
    })

    test('marks the access time of a directory that changed since it was read', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const read = () => page(session.nfs, dir, 0, 4096)
      await session.create(dir, 'new')
      assert.deepEqual(await changesBy(session, dir, read), ['atime'])
      assert.deepEqual(await changesBy(session, dir, read), [])
    })
  })
}

test('READDIRPLUS brings the handles and attributes of its entries', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const inner = await session.mkdir(dir, 'inner')
  const file = await session.create(inner, 'file', { data: 'content' })
  await session.write(file, 7, 'and unstable', 0)
  await session.symlink(inner, 'symlink', 'target')
  const args = { dir: inner, cookie: 0, cookieverf, dircount: 4096, maxcount: 65_536 }
  const { reply, dir_attributes } = ok(await session.nfs.readdirplus(args))
  assert.equal(dir_attributes?.fileid, (await session.attributes(inner)).fileid)
  assert.equal(reply.entries.length, 4)
  for (const { name, name_handle, name_attributes } of reply.entries) {
    assert.deepEqual(name_handle, await session.lookup(inner, name), name)
    const now = await session.attributes(name_handle as Buffer)
    // The listing itself may have marked an access time.
    assert.deepEqual({ ...name_attributes, atime: now.atime }, now, name)
  }
})

test('no result is larger than the client has room for', async () => {
  const { session, dir } = await share.workplace(ALICE)
  for (let length = 1; length < 100; length++) await session.create(dir, 'n'.repeat(length))
  const STATUS = 4
  for (const count of [400, 401, 511, 512, 1000, 4096]) {
    for (let cookie = 0; cookie < 90; cookie += 7) {
      const readdir = { dir, cookie, cookieverf, count }
      const plain = await session.rpc.exchange(session.rpc.encode(nfs3.readdir, readdir))
      const readdirplus = { dir, cookie, cookieverf, dircount: count, maxcount: count }
      const plus = await session.rpc.exchange(session.rpc.encode(nfs3.readdirplus, readdirplus))
      for (const { body } of [plain, plus]) {
        assert.ok(body.length - STATUS <= count, `${body.length} bytes for a count of ${count}`)
      }
    }
  }
})

test('READDIRPLUS: dircount bounds entries without handles and attributes', async () => {
  const { session, dir } = await share.workplace(ALICE)
  await fill(session, dir, 200)
  const list = async (dircount: number) => {
    const args = { dir, cookie: 0, cookieverf, dircount, maxcount: 65_536 }
    return ok(await session.nfs.readdirplus(args)).reply.entries.length
  }
  const [few, many] = [await list(512), await list(4096)]
  assert.ok(few >= 1 && few <= 512 / 24, `${few} entries in a dircount of 512`)
  assert.ok(many > few)
  assert.ok((await list(1)) >= 1, 'never none')
})

test('cookies mean the same behind a crash and a restart', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const names = await fill(session, dir, 100)
  for (const name of names.slice(20, 40)) await session.remove(dir, name)
  await session.rename(dir, 'entry 50', dir, 'entry 20')
  const [readdir] = directoryReaders
  assert.ok(readdir)
  const before = await readPages(readdir, session.nfs, dir, 65_536)
  const middle = before[41]?.cookie ?? 0
  for (const again of [() => share.crash(), () => share.restart()]) {
    await again()
    const { nfs } = await share.session(ALICE)
    assert.deepEqual(await readPages(readdir, nfs, dir, 65_536), before)
    const rest = await readdir.page(nfs, dir, middle, 65_536)
    assert.deepEqual(rest.entries, before.slice(42))
  }
  const later = await share.session(ALICE)
  await later.create(dir, 'made later')
  const after = await readPages(readdir, later.nfs, dir, 65_536)
  assert.deepEqual(after.slice(0, -1), before, 'a new entry never takes the cookie of an old one')
})

test('a directory of 20,000 entries', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const names = new Set<string>()
  for (let i = 0; i < 10; i++) {
    for (const name of await fill(session, dir, 2000, `batch ${i}`)) names.add(name)
  }
  for (const reader of directoryReaders) {
    const entries = await readPages(reader, session.nfs, dir, 65_536)
    const listed = new Set(entries.map(({ name }) => name))
    assert.equal(entries.length, names.size + 2)
    assert.equal(listed.size, names.size + 2)
  }
})
