/**
 * A call that is not idempotent and comes again gets its first answer, byte for byte, and happens
 * once: on the same connection, on another, when the world has changed, and behind a crash.
 */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { nfs3, ok, sattr } from '../../client/nfs3-client.ts'
import { toRecord } from '../../client/record-marking.ts'
import { decodeResult, type Reply } from '../../client/rpc-call.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, BOB, ROOT, type Session } from '../session.ts'
import { assertStatus, statusName } from './expectations.ts'
import { unrepeatableCalls } from './unrepeatable-calls.ts'

const share = await serveShare()

interface Sent {
  readonly dir: Buffer
  readonly message: Buffer
  readonly first: Reply
}

const sent = new Map<string, Sent>()
let session = await share.session(ALICE)
let other = await share.session(ALICE)

/** What the first four bytes of a result say. */
const statusOf = ({ body }: Reply): string => statusName({ status: body.readUInt32BE(0) })

async function assertSameAnswer(
  { rpc }: Session,
  name: string,
  cuts: readonly number[] = [],
): Promise<void> {
  const { message, first } = sent.get(name) as Sent
  const again = await rpc.exchange(message, { cuts })
  assert.deepEqual(again.header, first.header)
  assert.equal(again.body.toString('hex'), first.body.toString('hex'))
}

describe('the first time', () => {
  for (const { name, status, prepare } of unrepeatableCalls) {
    test(`${name}: ${status}`, async () => {
      const dir = await session.mkdir(session.root, `once-${sent.size}`, 0o777)
      const message = await prepare(session, dir)
      const first = await session.rpc.exchange(message)
      sent.set(name, { dir, message, first })
      assert.equal(statusOf(first), status)
    })
  }
})

describe('sent again on the same connection', () => {
  for (const { name } of unrepeatableCalls) test(name, () => assertSameAnswer(session, name))
})

describe('sent again on another connection, cut into fragments', () => {
  for (const { name } of unrepeatableCalls) {
    test(name, () => assertSameAnswer(other, name, [3, 0, 20]))
  }
})

describe('sent again when the world has changed', () => {
  for (const { name, meddle, verify } of unrepeatableCalls) {
    test(name, async () => {
      const { dir } = sent.get(name) as Sent
      await meddle(session, dir)
      await assertSameAnswer(session, name)
      await assertSameAnswer(other, name)
      await verify(session, dir)
    })
  }
})

const ends = [
  ['a crash', () => share.crash()],
  ['a restart', () => share.restart()],
  ['another crash', () => share.crash()],
] as const

for (const [what, again] of ends) {
  describe(`sent again behind ${what}`, () => {
    before(async () => {
      await again()
      session = await share.session(ALICE)
      other = await share.session(ALICE)
    })
    for (const { name, verify } of unrepeatableCalls) {
      test(name, async () => {
        await assertSameAnswer(session, name)
        await assertSameAnswer(other, name)
        await verify(session, (sent.get(name) as Sent).dir)
      })
    }
  })
}

describe('right behind the first', () => {
  test('ten copies at once: it happens once, and every answer is the same', async () => {
    const { session: here, dir } = await share.workplace(ALICE)
    const there = await share.session(ALICE)
    for (let i = 0; i < 20; i++) {
      const args = { where: { dir, name: `${i}` }, attributes: sattr() }
      const message = here.rpc.encode(nfs3.mkdir, args, { credentials: here.credentials })
      const copies = Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? here : there))
      const replies = await Promise.all(copies.map(({ rpc }) => rpc.exchange(message)))
      assert.deepEqual(new Set(replies.map(({ body }) => body.toString('hex'))).size, 1)
      assertStatus(decodeResult(nfs3.mkdir, (replies[0] as Reply).body), 'NFS3_OK')
    }
    assert.equal((await here.names(dir)).length, 20)
  })

  test('a copy that comes while the first still waits for data to be stored', async () => {
    const { session: here, dir } = await share.workplace(ALICE)
    const file = await here.create(dir, 'file')
    await here.write(file, 0, Buffer.alloc(500_000, 1), 0)
    const guard = (await here.attributes(file)).ctime
    const args = { object: file, new_attributes: sattr({ size: 10 }), guard }
    const message = here.rpc.encode(nfs3.setattr, args, { credentials: here.credentials })
    const answer = here.rpc.replyTo(message.readUInt32BE(0))
    here.rpc.sendBytes(Buffer.concat([toRecord(message), toRecord(message), toRecord(message)]))
    const first = await answer
    assertStatus(decodeResult(nfs3.setattr, first.body), 'NFS3_OK')
    const later = await here.rpc.exchange(message)
    assert.deepEqual(later.body, first.body)
    assert.equal((await here.attributes(file)).size, 10)
  })

  test('a call whose answer was lost in a crash has happened or happens now', async () => {
    const { session: here, dir } = await share.workplace(ALICE)
    const messages = Array.from({ length: 50 }, (_, i) => {
      const args = { where: { dir, name: `${i}` }, attributes: sattr() }
      return here.rpc.encode(nfs3.mkdir, args, { credentials: here.credentials })
    })
    for (const message of messages) here.rpc.sendBytes(toRecord(message))
    await share.crash()
    const again = await share.session(ALICE)
    for (const message of messages) {
      const { body } = await again.rpc.exchange(message)
      assertStatus(decodeResult(nfs3.mkdir, body), 'NFS3_OK')
    }
    assert.equal((await again.names(dir)).length, messages.length)
  })
})

describe('not the same call', () => {
  test('with another xid', async () => {
    const { session: here, dir } = await share.workplace(ALICE)
    const args = { where: { dir, name: 'it' }, attributes: sattr() }
    assertStatus(await here.nfs.mkdir(args), 'NFS3_OK')
    assertStatus(await here.nfs.mkdir(args), 'NFS3ERR_EXIST')
  })

  test('with the same xid and other arguments', async () => {
    const { session: here, dir } = await share.workplace(ALICE)
    const xid = here.rpc.takeXid()
    for (const name of ['one', 'two', 'three']) {
      const args = { where: { dir, name }, attributes: sattr() }
      assertStatus(await here.nfs.mkdir(args, { xid }), 'NFS3_OK')
    }
    const object = { dir, name: 'one' }
    assertStatus(await here.nfs.rmdir({ object }, { xid }), 'NFS3_OK')
    assertStatus(await here.nfs.remove({ object }, { xid }), 'NFS3ERR_NOENT')
    assert.deepEqual((await here.names(dir)).sort(), ['three', 'two'])
  })

  test('with the same xid and arguments in the name of somebody else', async () => {
    const { session: here, dir } = await share.workplace(ALICE)
    const xid = here.rpc.takeXid()
    const args = { where: { dir, name: 'it' }, attributes: sattr() }
    assertStatus(await here.nfs.mkdir(args, { xid }), 'NFS3_OK')
    assertStatus(await here.as(BOB).nfs.mkdir(args, { xid }), 'NFS3ERR_EXIST')
    assertStatus(await here.as(ROOT).nfs.mkdir(args, { xid }), 'NFS3ERR_EXIST')
  })

  test('of another host, in the same words', async () => {
    const { session: here, dir } = await share.workplace(ALICE)
    const elsewhere = await share.session(ALICE, { localAddress: '127.0.0.2' })
    const args = { where: { dir, name: 'it' }, attributes: sattr() }
    const message = here.rpc.encode(nfs3.mkdir, args, { credentials: here.credentials })
    const statusFor = async ({ rpc }: Session) => statusOf(await rpc.exchange(message))
    assert.equal(await statusFor(here), 'NFS3_OK')
    assert.equal(await statusFor(elsewhere), 'NFS3ERR_EXIST')
    assert.equal(await statusFor(here), 'NFS3_OK')
    assert.equal(await statusFor(elsewhere), 'NFS3ERR_EXIST')
  })

  test('what other hosts do pushes nothing out', async () => {
    const { session: here, dir } = await share.workplace(ALICE)
    const elsewhere = await share.session(ALICE, { localAddress: '127.0.0.3' })
    const args = { where: { dir, name: 'it' }, attributes: sattr() }
    const message = here.rpc.encode(nfs3.mkdir, args, { credentials: here.credentials })
    const { body } = await here.rpc.exchange(message)
    const names = Array.from({ length: 3000 }, (_, i) => `${i}`)
    await Promise.all(names.map((name) => elsewhere.create(dir, name)))
    assert.deepEqual((await here.rpc.exchange(message)).body, body)
  })

  test('calls of the same xid that take turns each keep their answer', async () => {
    const { session: here, dir } = await share.workplace(ALICE)
    const xid = here.rpc.takeXid()
    const call = (name: string) =>
      here.nfs.mkdir({ where: { dir, name }, attributes: sattr() }, { xid })
    const [one, two] = [ok(await call('one')), ok(await call('two'))]
    assert.deepEqual(ok(await call('one')), one)
    assert.deepEqual(ok(await call('two')), two)
  })
})

test('the answer is the same but for unstable data that the crash took', async () => {
  const { session: here, dir } = await share.workplace(ALICE)
  const file = await here.create(dir, 'file', { data: 'stable' })
  await here.write(file, 6, ' and not', 0)
  const chmod = { object: file, new_attributes: sattr({ mode: 0o600 }), guard: undefined }
  const message = here.rpc.encode(nfs3.setattr, chmod, { credentials: here.credentials })
  const first = decodeResult(nfs3.setattr, (await here.rpc.exchange(message)).body)
  assertStatus(first, 'NFS3_OK')
  assert.equal(first.obj_wcc.after?.size, 14)
  await share.crash()
  const again = await share.session(ALICE)
  await again.set(file, { mode: 0o644 })
  const second = decodeResult(nfs3.setattr, (await again.rpc.exchange(message)).body)
  assertStatus(second, 'NFS3_OK')
  const { after } = second.obj_wcc
  assert.equal(after?.mode, 0o600)
  assert.ok(after.size === 14 || after.size === 6, `size ${after.size}`)
  assert.equal((await again.attributes(file)).mode, 0o644, 'it did not happen twice')
})
