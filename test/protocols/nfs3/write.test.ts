/** RFC 1813 sections 3.3.7 and 3.3.21: WRITE and COMMIT. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stable_how } from '../../../src/protocols/nfs3/procedures/write.ts'
import { ok } from '../../client/nfs3-client.ts'
import { SeededRandom } from '../../seeded-random.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, ROOT, type Session } from '../session.ts'
import { assertStatus, changesBy, withTrueWcc } from './expectations.ts'

const share = await serveShare()
const { UNSTABLE, DATA_SYNC, FILE_SYNC } = stable_how
type Stable = (typeof stable_how)[keyof typeof stable_how]

const write = (
  session: Session,
  file: Buffer,
  offset: number,
  data: Buffer,
  stable: Stable = FILE_SYNC,
) => session.nfs.write({ file, offset, count: data.length, stable, data })

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

for (const [name, stable] of Object.entries(stable_how)) {
  describe(name, () => {
    test('writes, says how much, and is committed at least as asked', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const file = await session.create(dir, 'file')
      const result = ok(await write(session, file, 3, bytes('abc'), stable))
      assert.equal(result.count, 3)
      assert.ok(result.committed >= stable)
      assert.equal((await session.readAll(file)).toString('latin1'), '\0\0\0abc')
    })

    test('weak cache consistency is true', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const file = await session.create(dir, 'file')
      for (const [offset, size] of [
        [0, 10],
        [5, 10],
        [100, 70_000],
        [0, 0],
      ] as const) {
        const data = new SeededRandom(offset).bytes(size)
        const written = await withTrueWcc(
          session,
          file,
          () => write(session, file, offset, data, stable),
          ({ file_wcc }) => file_wcc,
        )
        assertStatus(written, 'NFS3_OK')
      }
    })

    test('marks mtime and ctime, whether or not it makes the file longer', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const file = await session.create(dir, 'file', { data: Buffer.alloc(100, 1) })
      const inside = () => write(session, file, 10, bytes('x'), stable)
      const behind = () => write(session, file, 5000, bytes('x'), stable)
      assert.deepEqual(without('used', await changesBy(session, file, inside)), ['ctime', 'mtime'])
      assert.deepEqual(without('used', await changesBy(session, file, behind)), [
        'ctime',
        'mtime',
        'size',
      ])
    })

    test('nothing written changes nothing', async () => {
      const { session, dir } = await share.workplace(ALICE)
      const file = await session.create(dir, 'file', { data: 'abc' })
      const nothing = () => write(session, file, 1000, Buffer.alloc(0), stable)
      assert.deepEqual(await changesBy(session, file, nothing), [])
    })
  })
}

const without = (name: string, names: readonly string[]): readonly string[] =>
  names.filter((other) => other !== name)

describe('the verifier', () => {
  test('is the same for all files and calls while the server runs', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const verifiers = new Set<string>()
    for (const stable of [UNSTABLE, DATA_SYNC, FILE_SYNC]) {
      const file = await session.create(dir, `file ${stable}`)
      verifiers.add(ok(await write(session, file, 0, bytes('x'), stable)).verf.toString('hex'))
      verifiers.add((await session.commit(file)).toString('hex'))
    }
    assert.equal(verifiers.size, 1)
  })

  test('is another after a crash and after a restart', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    const verifiers = [ok(await write(session, file, 0, bytes('x'))).verf.toString('hex')]
    for (const again of [() => share.crash(), () => share.restart()]) {
      await again()
      const { nfs } = await share.session(ALICE)
      verifiers.push(ok(await nfs.commit({ file, offset: 0, count: 0 })).verf.toString('hex'))
    }
    assert.equal(new Set(verifiers).size, 3)
  })
})

describe('COMMIT', () => {
  test('keeps attributes as they were seen before it', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await write(session, file, 0, bytes('unstable'), UNSTABLE)
    const changed = await changesBy(session, file, () => session.commit(file))
    assert.deepEqual(without('used', changed), [])
  })

  test('weak cache consistency is true, with and without anything to commit', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    for (let i = 0; i < 2; i++) {
      await write(session, file, 0, Buffer.alloc(8192, 1), UNSTABLE)
      for (const [offset, count] of [
        [0, 0],
        [4096, 4096],
        [2 ** 40, 2 ** 32 - 1],
      ] as const) {
        const committed = await withTrueWcc(
          session,
          file,
          () => session.nfs.commit({ file, offset, count }),
          ({ file_wcc }) => file_wcc,
        )
        assertStatus(committed, 'NFS3_OK')
      }
    }
  })

  test('of directories and symbolic links there is nothing to commit: an error', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const symlink = await session.symlink(dir, 'symlink', 'target')
    for (const file of [dir, symlink]) {
      assert.notEqual((await session.nfs.commit({ file, offset: 0, count: 0 })).status, 0)
    }
  })
})

describe('who may', () => {
  test('whoever may write, and the owner in any case: NFS3ERR_ACCES', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { mode: 0o664, data: 'abc' })
    const attempts = [
      [BOB, 'NFS3ERR_ACCES'],
      [{ ...BOB, gids: [ALICE.gid] }, 'NFS3_OK'],
      [{ uid: BOB.uid, gid: ALICE.gid }, 'NFS3_OK'],
    ] as const
    for (const [user, status] of attempts) {
      for (const stable of [UNSTABLE, FILE_SYNC] as const) {
        assertStatus(await write(session.as(user), file, 0, bytes('x'), stable), status)
      }
    }
    await session.set(file, { mode: 0 })
    assertStatus(await write(session, file, 0, bytes('y')), 'NFS3_OK', 'the owner')
    assertStatus(await write(session.as(ROOT), file, 0, bytes('z')), 'NFS3_OK', 'root')
    const refused = await write(session.as(BOB), file, 0, bytes('x'), UNSTABLE)
    assert.deepEqual(refused.file_wcc.after, await session.attributes(file))
    assert.equal((await session.readAll(file)).toString(), 'zbc')
  })

  test('writing ends set-user-id and set-group-id, unless root writes', async () => {
    const { session, dir } = await share.workplace(ALICE)
    for (const stable of [UNSTABLE, FILE_SYNC] as const) {
      const file = await session.create(dir, `file ${stable}`)
      const modes: number[] = []
      for (const user of [ALICE, BOB, ROOT]) {
        await session.set(file, { mode: 0o6777 })
        ok(await write(session.as(user), file, 0, bytes('x'), stable))
        modes.push((await session.attributes(file)).mode)
      }
      assert.deepEqual(modes, [0o777, 0o777, 0o6777])
      await session.set(file, { mode: 0o2666 })
      ok(await write(session, file, 0, bytes('x'), stable))
      const { mode } = await session.attributes(file)
      assert.equal(mode, 0o2666, 'without execution it is no privilege')
    }
  })

  test('writing nothing ends no privilege', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await session.set(file, { mode: 0o6777 })
    ok(await write(session, file, 0, Buffer.alloc(0)))
    assert.equal((await session.attributes(file)).mode, 0o6777)
  })
})

describe('errors', () => {
  test('NFS3ERR_ISDIR and NFS3ERR_INVAL for what is no regular file', async () => {
    const { session, dir } = await share.workplace()
    const symlink = await session.symlink(dir, 'symlink', 'target')
    assertStatus(await write(session, dir, 0, bytes('x')), 'NFS3ERR_ISDIR')
    assertStatus(await write(session, symlink, 0, bytes('x')), 'NFS3ERR_INVAL')
  })

  test('NFS3ERR_FBIG beyond maxfilesize; the last byte before it can be written', async () => {
    const { session, dir } = await share.workplace()
    const { maxfilesize } = ok(await session.nfs.fsinfo({ fsroot: session.root }))
    for (const stable of [UNSTABLE, FILE_SYNC] as const) {
      const file = await session.create(dir, `file ${stable}`)
      const beyond = await write(session, file, maxfilesize, bytes('x'), stable)
      assertStatus(beyond, 'NFS3ERR_FBIG')
      assertStatus(await write(session, file, 2 ** 63, bytes('x'), stable), 'NFS3ERR_FBIG')
      const across = await write(session, file, maxfilesize - 1, bytes('xy'), stable)
      assertStatus(across, 'NFS3ERR_FBIG')
      assert.equal((await session.attributes(file)).size, 0)
      assertStatus(await write(session, file, maxfilesize - 1, bytes('x'), stable), 'NFS3_OK')
      await session.commit(file)
      assert.equal((await session.attributes(file)).size, maxfilesize)
      assert.equal((await session.read(file, maxfilesize - 1, 10)).toString(), 'x')
    }
  })

  test('a count that is not the length of the data writes no more than both', async () => {
    const { session, dir } = await share.workplace()
    const file = await session.create(dir, 'file')
    const data = bytes('abcdef')
    const fewer = await session.nfs.write({ file, offset: 0, count: 3, stable: 2, data })
    if (fewer.status === 0) assert.ok(fewer.count <= 3)
    const more = await session.nfs.write({ file, offset: 0, count: 100, stable: 2, data })
    if (more.status === 0) assert.ok(more.count <= 6)
    assert.ok((await session.attributes(file)).size <= 6)
  })
})

describe('large and sparse', () => {
  test('a MiB in one WRITE, read back as it was', async () => {
    const { session, dir } = await share.workplace()
    const data = new SeededRandom(3).bytes(1 << 20)
    for (const stable of [UNSTABLE, FILE_SYNC] as const) {
      const file = await session.create(dir, `file ${stable}`)
      assert.equal(ok(await write(session, file, 12_345, data, stable)).count, 1 << 20)
      await session.commit(file)
      assert.ok((await session.readAll(file)).subarray(12_345).equals(data))
    }
  })

  test('islands far beyond 4 GiB, with nothing but zeros between them', async () => {
    const { session, dir } = await share.workplace()
    const file = await session.create(dir, 'file')
    const islands = [0, 2 ** 31 - 3, 2 ** 32 - 3, 2 ** 32 + 65_536, 2 ** 40 + 1, 2 ** 52 + 77]
    const data = new SeededRandom(4).bytes(10_000)
    for (const [i, offset] of islands.entries()) {
      ok(await write(session, file, offset, data, i % 2 === 0 ? UNSTABLE : FILE_SYNC))
    }
    const check = async () => {
      const { size, used } = await session.attributes(file)
      assert.equal(size, 2 ** 52 + 77 + data.length)
      assert.ok(used < 1 << 20, `${used} bytes used`)
      for (const [i, offset] of islands.entries()) {
        assert.ok((await session.read(file, offset, data.length)).equals(data), `at ${offset}`)
        const behind = await session.read(file, offset + data.length, 5000)
        const last = i === islands.length - 1
        assert.ok(behind.equals(Buffer.alloc(last ? 0 : 5000)), `behind ${offset}`)
        if (offset === 0) continue
        assert.ok((await session.read(file, offset - 5000, 5000)).equals(Buffer.alloc(5000)))
      }
      const middle = await session.read(file, 2 ** 45, 1 << 20)
      assert.ok(middle.equals(Buffer.alloc(1 << 20)))
    }
    await check()
    await session.commit(file)
    await check()
  })
})

test('many clients write parts of one file at once', async () => {
  const { dir } = await share.workplace()
  const first = await share.session()
  const file = await first.create(dir, 'file')
  const expected = new SeededRandom(5).bytes(1_000_000)
  const part = 10_000
  const writers = await Promise.all(Array.from({ length: 4 }, () => share.session()))
  await Promise.all(
    Array.from({ length: expected.length / part }, (_, i) => {
      const writer = writers[i % writers.length] as Session
      const data = expected.subarray(i * part, (i + 1) * part)
      return writer.write(file, i * part, data, i % 3 === 0 ? FILE_SYNC : UNSTABLE)
    }),
  )
  await first.commit(file)
  assert.ok((await first.readAll(file)).equals(expected))
})
