/** RFC 1813 section 3.3.14: RENAME, with rename(2) of POSIX behind it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, ROOT, type Session } from '../session.ts'
import { assertStatus, changes, changesBy, type StatusName } from './expectations.ts'

const share = await serveShare()

const rename = (session: Session, fromDir: Buffer, from: string, toDir: Buffer, to: string) =>
  session.nfs.rename({ from: { dir: fromDir, name: from }, to: { dir: toDir, name: to } })

const sources = ['file', 'symlink', 'directory'] as const
const targets = ['missing', 'file', 'symlink', 'empty directory', 'full directory'] as const
type Source = (typeof sources)[number]
type Target = (typeof targets)[number]

async function make(
  session: Session,
  dir: Buffer,
  name: string,
  what: Source | Target,
): Promise<Buffer | undefined> {
  switch (what) {
    case 'missing':
      return undefined
    case 'file':
      return session.create(dir, name, { data: name })
    case 'symlink':
      return session.symlink(dir, name, 'target')
    case 'directory':
    case 'full directory': {
      const full = await session.mkdir(dir, name)
      await session.create(full, 'entry')
      return full
    }
    case 'empty directory':
      return session.mkdir(dir, name)
  }
}

function expectedOf(source: Source, target: Target): StatusName {
  if (target === 'missing') return 'NFS3_OK'
  const directory = target === 'empty directory' || target === 'full directory'
  if (source !== 'directory') return directory ? 'NFS3ERR_ISDIR' : 'NFS3_OK'
  if (!directory) return 'NFS3ERR_NOTDIR'
  return target === 'full directory' ? 'NFS3ERR_NOTEMPTY' : 'NFS3_OK'
}

describe('what replaces what', () => {
  for (const source of sources) {
    for (const target of targets) {
      for (const where of ['in one directory', 'between directories'] as const) {
        const expected = expectedOf(source, target)
        test(`${source} over ${target} ${where}: ${expected}`, async () => {
          const { session, dir: fromDir } = await share.workplace(ALICE)
          const across = where === 'between directories'
          const toDir = across ? await session.mkdir(fromDir, 'other') : fromDir
          const moved = await make(session, fromDir, 'from', source)
          const replaced = await make(session, toDir, 'to', target)
          const [from, to] = [await session.attributes(fromDir), await session.attributes(toDir)]
          const result = await rename(session, fromDir, 'from', toDir, 'to')
          assertStatus(result, expected)
          const { fromdir_wcc, todir_wcc } = result
          assert.deepEqual(fromdir_wcc.before, wccOf(from))
          assert.deepEqual(todir_wcc.before, wccOf(to))
          assert.deepEqual(fromdir_wcc.after, await session.attributes(fromDir))
          assert.deepEqual(todir_wcc.after, await session.attributes(toDir))
          if (expected !== 'NFS3_OK') {
            assert.deepEqual(await session.lookup(fromDir, 'from'), moved)
            assert.deepEqual(await session.lookup(toDir, 'to'), replaced)
            assert.deepEqual([fromdir_wcc.after, todir_wcc.after], [from, to])
            return
          }
          assert.equal(await session.exists(fromDir, 'from'), false)
          assert.deepEqual(await session.lookup(toDir, 'to'), moved)
          if (replaced !== undefined) {
            assertStatus(await session.nfs.getattr({ object: replaced }), 'NFS3ERR_STALE')
          }
        })
      }
    }
  }
})

const wccOf = ({ size, mtime, ctime }: Awaited<ReturnType<Session['attributes']>>) => ({
  size,
  mtime,
  ctime,
})

describe('the same object', () => {
  test('onto its own name: nothing happens', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    await session.mkdir(dir, 'directory')
    for (const name of ['file', 'directory']) {
      const changed = await changesBy(session, dir, () => rename(session, dir, name, dir, name))
      assert.deepEqual(changed, [])
    }
    assert.deepEqual(await session.lookup(dir, 'file'), file)
  })

  test('onto another of its names: nothing happens, both remain', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'first')
    const inner = await session.mkdir(dir, 'inner')
    await session.link(file, dir, 'second')
    await session.link(file, inner, 'third')
    for (const [toDir, to] of [
      [dir, 'second'],
      [inner, 'third'],
    ] as const) {
      const changed = await changesBy(session, file, async () => {
        assertStatus(await rename(session, dir, 'first', toDir, to), 'NFS3_OK')
      })
      assert.deepEqual(changed, [])
    }
    assert.equal((await session.attributes(file)).nlink, 3)
    assert.deepEqual((await session.names(dir)).sort(), ['first', 'inner', 'second'])
  })
})

describe('directories', () => {
  test('cannot move below themselves: NFS3ERR_INVAL', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const a = await session.mkdir(dir, 'a')
    const b = await session.mkdir(a, 'b')
    const c = await session.mkdir(b, 'c')
    for (const toDir of [a, b, c]) {
      assertStatus(await rename(session, dir, 'a', toDir, 'new'), 'NFS3ERR_INVAL')
    }
    assertStatus(await rename(session, a, 'b', c, 'new'), 'NFS3ERR_INVAL')
    assert.deepEqual(await session.lookup(b, '..'), a)
  })

  test('cannot replace what they lie in: NFS3ERR_NOTEMPTY', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const a = await session.mkdir(dir, 'a')
    const b = await session.mkdir(a, 'b')
    await session.mkdir(b, 'c')
    assertStatus(await rename(session, a, 'b', dir, 'a'), 'NFS3ERR_NOTEMPTY')
    assertStatus(await rename(session, b, 'c', dir, 'a'), 'NFS3ERR_NOTEMPTY')
  })

  test('move with all that is in them, and links of both parents follow', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const [a, b] = [await session.mkdir(dir, 'a'), await session.mkdir(dir, 'b')]
    const moved = await session.mkdir(a, 'moved')
    const inside = await session.create(moved, 'inside', { data: 'content' })
    await session.rename(a, 'moved', b, 'moved')
    assert.deepEqual(await session.lookup(moved, 'inside'), inside)
    assert.equal((await session.attributes(a)).nlink, 2)
    assert.equal((await session.attributes(b)).nlink, 3)
    await session.mkdir(b, 'empty')
    await session.rename(b, 'moved', b, 'empty')
    assert.equal((await session.attributes(b)).nlink, 3, 'one directory replaced another')
  })

  test('need permission to write when their `..` changes (rename(2))', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const other = await session.mkdir(dir, 'other', 0o777)
    await session.mkdir(dir, 'moved', 0o755)
    const bob = session.as(BOB)
    assertStatus(await rename(bob, dir, 'moved', other, 'moved'), 'NFS3ERR_ACCES')
    assertStatus(await rename(bob, dir, 'moved', dir, 'renamed'), 'NFS3_OK')
  })
})

describe('times', () => {
  test('both directories change; the object’s ctime does', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const other = await session.mkdir(dir, 'other')
    const file = await session.create(dir, 'file')
    const before = [await session.attributes(dir), await session.attributes(other)] as const
    const changed = await changesBy(session, file, () =>
      rename(session, dir, 'file', other, 'file'),
    )
    assert.deepEqual(changed, ['ctime'])
    for (const [i, directory] of [dir, other].entries()) {
      const now = await session.attributes(directory)
      assert.deepEqual(changes(before[i] as typeof now, now), ['ctime', 'mtime'])
    }
  })

  test('what was replaced has a link less, and its ctime', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const replaced = await session.create(dir, 'replaced')
    await session.link(replaced, dir, 'kept')
    await session.create(dir, 'file')
    const changed = await changesBy(session, replaced, () =>
      rename(session, dir, 'file', dir, 'replaced'),
    )
    assert.deepEqual(changed, ['ctime', 'nlink'])
    assert.deepEqual(await session.lookup(dir, 'kept'), replaced)
  })
})

describe('who may', () => {
  test('needs permission to write in both directories: NFS3ERR_ACCES', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const [from, to] = [await session.mkdir(dir, 'from'), await session.mkdir(dir, 'to')]
    const file = await session.create(from, 'file')
    const bob = session.as(BOB)
    for (const [fromMode, toMode, status] of [
      [0o755, 0o777, 'NFS3ERR_ACCES'],
      [0o777, 0o755, 'NFS3ERR_ACCES'],
      [0o776, 0o777, 'NFS3ERR_ACCES'],
      [0o777, 0o776, 'NFS3ERR_ACCES'],
      [0o773, 0o773, 'NFS3_OK'],
    ] as const) {
      await session.set(from, { mode: fromMode })
      await session.set(to, { mode: toMode })
      const result = await rename(bob, from, 'file', to, 'file')
      assertStatus(result, status, `${fromMode.toString(8)} ${toMode.toString(8)}`)
    }
    assert.deepEqual(await session.lookup(to, 'file'), file)
  })

  test('sticky directories: of the source and of what is replaced', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const sticky = await session.mkdir(dir, 'sticky')
    await session.set(sticky, { mode: 0o1777 })
    const open = await session.mkdir(dir, 'open')
    await session.set(open, { mode: 0o777 })
    const bob = session.as(BOB)
    await session.create(sticky, 'of alice')
    await bob.create(sticky, 'of bob')
    assertStatus(await rename(bob, sticky, 'of alice', open, 'moved'), 'NFS3ERR_PERM')
    assertStatus(await rename(bob, sticky, 'of bob', sticky, 'of alice'), 'NFS3ERR_PERM')
    await session.create(open, 'of alice too')
    assertStatus(await rename(bob, open, 'of alice too', sticky, 'moved'), 'NFS3_OK')
    assertStatus(await rename(bob, sticky, 'of bob', sticky, 'renamed'), 'NFS3_OK')
    assertStatus(await rename(session, sticky, 'renamed', sticky, 'of alice'), 'NFS3_OK')
    assertStatus(await rename(session.as(ROOT), sticky, 'of alice', open, 'x'), 'NFS3_OK')
  })
})

describe('errors', () => {
  test('NFS3ERR_NOENT, whatever the target is', async () => {
    const { session, dir } = await share.workplace(ALICE)
    await session.create(dir, 'file')
    for (const to of ['file', 'other', 'missing']) {
      assertStatus(await rename(session, dir, 'missing', dir, to), 'NFS3ERR_NOENT', to)
    }
    assert.deepEqual(await session.names(dir), ['file'])
  })

  test('NFS3ERR_NOTDIR in what is no directory', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file')
    assertStatus(await rename(session, file, 'name', dir, 'name'), 'NFS3ERR_NOTDIR')
    assertStatus(await rename(session, dir, 'file', file, 'name'), 'NFS3ERR_NOTDIR')
  })

  test('NFS3ERR_NAMETOOLONG for either name', async () => {
    const { session, dir } = await share.workplace(ALICE)
    await session.create(dir, 'file')
    const long = 'n'.repeat(256)
    assertStatus(await rename(session, dir, 'file', dir, long), 'NFS3ERR_NAMETOOLONG')
    assertStatus(await rename(session, dir, long, dir, 'file'), 'NFS3ERR_NAMETOOLONG')
    await session.rename(dir, 'file', dir, 'n'.repeat(255))
  })

  test('`.` and `..` are not renamed, and nothing is renamed to them', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const inner = await session.mkdir(dir, 'inner')
    await session.create(inner, 'file')
    for (const dot of ['.', '..']) {
      assertStatus(await rename(session, inner, dot, dir, 'new'), 'NFS3ERR_INVAL', dot)
      assertStatus(await rename(session, inner, 'file', inner, dot), 'NFS3ERR_INVAL', dot)
    }
  })

  test('NFS3ERR_ACCES for empty names, NFS3ERR_INVAL for impossible ones', async () => {
    const { session, dir } = await share.workplace(ALICE)
    await session.create(dir, 'file')
    assertStatus(await rename(session, dir, 'file', dir, 'a/b'), 'NFS3ERR_INVAL')
    assertStatus(await rename(session, dir, 'file', dir, ''), 'NFS3ERR_ACCES')
    assertStatus(await rename(session, dir, '', dir, 'new'), 'NFS3ERR_ACCES')
  })
})
