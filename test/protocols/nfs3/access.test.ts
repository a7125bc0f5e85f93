/** RFC 1813 section 3.3.4: ACCESS, and what it says against what is then allowed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ACCESS3 } from '../../../src/protocols/nfs3/procedures/access.ts'
import { ok } from '../../client/nfs3-client.ts'
import type { UnixUser } from '../../client/rpc-call.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, ROOT, type Session } from '../session.ts'

const share = await serveShare()
const { READ, LOOKUP, MODIFY, EXTEND, DELETE, EXECUTE } = ACCESS3
const ALL = READ | LOOKUP | MODIFY | EXTEND | DELETE | EXECUTE
const MEMBER: UnixUser = { uid: 1003, gid: 1003, gids: [7, ALICE.gid, 9] }

const ask = async (session: Session, object: Buffer, access = ALL): Promise<number> =>
  ok(await session.nfs.access({ object, access })).access

/** What three permission bits allow. DELETE of a file means nothing and is not looked at. */
function filePermissions(bits: number): number {
  return (bits & 4 ? READ : 0) | (bits & 2 ? MODIFY | EXTEND : 0) | (bits & 1 ? EXECUTE : 0)
}

function directoryPermissions(bits: number): number {
  return (bits & 4 ? READ : 0) | (bits & 2 ? MODIFY | EXTEND | DELETE : 0) | (bits & 1 ? LOOKUP : 0)
}

describe('each class of user has the bits of its class and no other', () => {
  const classes: readonly (readonly [string, UnixUser, number])[] = [
    ['owner', ALICE, 6],
    ['owner in the group', { ...ALICE, gids: [ALICE.gid] }, 6],
    ['member by supplementary group', MEMBER, 3],
    ['member by primary group', { uid: 1004, gid: ALICE.gid }, 3],
    ['other', BOB, 0],
  ]
  for (const [name, user, shift] of classes) {
    test(name, async () => {
      const { session, dir } = await share.workplace(ALICE)
      const file = await session.create(dir, 'file')
      const directory = await session.mkdir(dir, 'directory')
      const asked = session.as(user)
      for (let bits = 0; bits < 8; bits++) {
        for (const mode of [bits << shift, (0o777 & ~(7 << shift)) | (bits << shift)]) {
          await session.set(file, { mode })
          await session.set(directory, { mode })
          const [onFile, onDirectory] = [await ask(asked, file), await ask(asked, directory)]
          assert.equal(onFile & ~DELETE, filePermissions(bits), `file ${mode.toString(8)}`)
          assert.equal(onDirectory, directoryPermissions(bits), `directory ${mode.toString(8)}`)
        }
      }
    })
  }
})

test('root may do anything, but execute only what somebody may', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const root = session.as(ROOT)
  const file = await session.create(dir, 'file', { mode: 0 })
  const directory = await session.mkdir(dir, 'directory', 0)
  assert.equal((await ask(root, file)) & ~DELETE, READ | MODIFY | EXTEND)
  assert.equal(await ask(root, directory), READ | LOOKUP | MODIFY | EXTEND | DELETE)
  for (const mode of [0o100, 0o010, 0o001]) {
    await session.set(file, { mode })
    assert.equal((await ask(root, file)) & ~DELETE, READ | MODIFY | EXTEND | EXECUTE)
  }
})

test('answers only what was asked', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const file = await session.create(dir, 'file', { mode: 0o700 })
  for (let access = 0; access <= ALL; access++) {
    assert.equal((await ask(session, file, access)) & ~access, 0)
  }
  assert.equal(await ask(session, file, 0xffffffc0), 0, 'bits that mean nothing')
})

test('comes with the attributes', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const result = ok(await session.nfs.access({ object: dir, access: ALL }))
  assert.deepEqual(result.obj_attributes, await session.attributes(dir))
})

test('what it grants is allowed and what it denies is not', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const directory = await session.mkdir(dir, 'directory')
  await session.create(directory, 'file')
  const bob = session.as(BOB)
  for (let bits = 0; bits < 8; bits++) {
    await session.set(directory, { mode: 0o700 | bits })
    const granted = await ask(bob, directory)
    const list = { dir: directory, cookie: 0, cookieverf: Buffer.alloc(8), count: 4096 }
    const listed = (await bob.nfs.readdir(list)).status === 0
    assert.equal(listed, (granted & READ) !== 0, `READDIR ${bits}`)
    assert.equal(await bob.exists(directory, 'file'), (granted & LOOKUP) !== 0, `LOOKUP ${bits}`)
    const where = { dir: directory, name: `made-${bits}` }
    const made = await bob.mkdir(directory, where.name).then(
      () => true,
      () => false,
    )
    const searchAndExtend = (granted & EXTEND) !== 0 && (granted & LOOKUP) !== 0
    assert.equal(made, searchAndExtend, `MKDIR ${bits}`)
  }
})
