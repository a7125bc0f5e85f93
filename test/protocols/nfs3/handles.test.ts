/** RFC 1813 section 2.6: handles that lead nowhere, in every procedure and in every place. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sattr } from '../../client/nfs3-client.ts'
import { serveShare } from '../served-share.ts'
import type { Session } from '../session.ts'
import { assertStatus, type StatusName, statusName } from './expectations.ts'
import { callByName, type Handles, procedureNames, validCalls } from './valid-calls.ts'

const share = await serveShare()
const { session: first, dir: home } = await share.workplace()
let session: Session = first
const good: Handles = {
  dir: home,
  file: await session.create(home, 'file'),
  symlink: await session.symlink(home, 'symlink', 'target'),
}

async function everywhere(bad: Buffer, expected: StatusName): Promise<void> {
  const calls = validCalls({ dir: bad, file: bad, symlink: bad })
  for (const name of procedureNames) {
    assertStatus(await callByName(session.nfs, name, calls[name]), expected, name)
  }
  const { nfs } = session
  const { dir, file } = good
  const place = { dir, name: 'file' }
  const nowhere = { dir: bad, name: 'other' }
  assertStatus(await nfs.rename({ from: nowhere, to: place }), expected, 'RENAME from')
  assertStatus(await nfs.rename({ from: place, to: nowhere }), expected, 'RENAME to')
  assertStatus(await nfs.link({ file: bad, link: place }), expected, 'LINK file')
  assertStatus(await nfs.link({ file, link: nowhere }), expected, 'LINK dir')
  assert.ok(await session.exists(dir, 'file'))
}

describe('NFS3ERR_BADHANDLE', () => {
  for (const length of [0, 1, 27, 28, 29, 64]) {
    test(`a handle of ${length} zeros`, () => everywhere(Buffer.alloc(length), 'NFS3ERR_BADHANDLE'))
  }

  test('a handle that is cut short or has something behind it', async () => {
    for (const { object } of [
      { object: good.file.subarray(0, -1) },
      { object: Buffer.concat([good.file, Buffer.alloc(4)]) },
    ]) {
      assertStatus(await session.nfs.getattr({ object }), 'NFS3ERR_BADHANDLE')
    }
  })

  test('any bit that is flipped', async () => {
    for (let bit = 0; bit < 8 * good.file.length; bit++) {
      const object = Buffer.from(good.file)
      object[bit >> 3] = (object[bit >> 3] as number) ^ (1 << (bit & 7))
      assertStatus(await session.nfs.getattr({ object }), 'NFS3ERR_BADHANDLE', `bit ${bit}`)
    }
  })
})

describe('NFS3ERR_STALE', () => {
  test('the handle of a file that was removed', async () => {
    const file = await session.create(good.dir, 'removed')
    await session.remove(good.dir, 'removed')
    await everywhere(file, 'NFS3ERR_STALE')
  })

  test('the handle of a directory that was removed', async () => {
    const dir = await session.mkdir(good.dir, 'removed')
    assertStatus(await session.nfs.rmdir({ object: { dir: good.dir, name: 'removed' } }), 'NFS3_OK')
    await everywhere(dir, 'NFS3ERR_STALE')
  })

  test('the handle of a file that another was renamed over', async () => {
    const old = await session.create(good.dir, 'old')
    await session.create(good.dir, 'new')
    await session.rename(good.dir, 'new', good.dir, 'old')
    await everywhere(old, 'NFS3ERR_STALE')
  })
})

test('a result of failure brings attributes of what could be opened', async () => {
  const { nfs } = session
  const result = await nfs.lookup({ what: { dir: good.dir, name: 'missing' } })
  assert.equal(statusName(result), 'NFS3ERR_NOENT')
  assert.ok('dir_attributes' in result && result.dir_attributes !== undefined)
})

test('handles live as long as the file does, whatever becomes of its name', async () => {
  const { dir, file } = good
  const elsewhere = await session.mkdir(dir, 'elsewhere')
  await session.link(file, elsewhere, 'second')
  await session.rename(dir, 'file', elsewhere, 'renamed')
  assert.deepEqual(await session.lookup(elsewhere, 'second'), file)
  assert.deepEqual(await session.lookup(elsewhere, 'renamed'), file)
  await session.remove(elsewhere, 'renamed')
  assert.equal((await session.attributes(file)).nlink, 1)
  await session.rename(elsewhere, 'second', dir, 'file')
  assert.deepEqual(await session.lookup(dir, 'file'), file)
})

test('handles survive a crash and a restart of the server', async () => {
  const { dir, file, symlink } = good
  const setattr = { object: file, new_attributes: sattr({ mode: 0o604 }), guard: undefined }
  assertStatus(await session.nfs.setattr(setattr), 'NFS3_OK')
  for (const again of [() => share.crash(), () => share.restart()]) {
    await again()
    session = await share.session()
    assert.equal((await session.attributes(file)).mode, 0o604)
    assert.deepEqual(await session.lookup(dir, 'symlink'), symlink)
    assertStatus(
      await session.nfs.getattr({ object: Buffer.from(file).fill(0, 20) }),
      'NFS3ERR_BADHANDLE',
    )
  }
})
