/**
 * Whose call it is that comes again. NFSv3 says it by address and by the machine's name in AUTH_SYS
 * credentials: several machines may be behind one address, and each comes back from any port.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nfs3, sattr } from '../../client/nfs3-client.ts'
import { authSys, type Credentials, decodeResult, type Reply } from '../../client/rpc-call.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, type Session } from '../session.ts'
import { assertStatus } from './expectations.ts'

const share = await serveShare()

/** Calls that a connection can leave without an answer, all of which must be remembered. */
const REMEMBERED = 1024

const machine = (machinename: string): Credentials => authSys({ ...ALICE, machinename })

const mkdirCall = ({ rpc, credentials }: Session, dir: Buffer, name: string): Buffer =>
  rpc.encode(nfs3.mkdir, { where: { dir, name }, attributes: sattr() }, { credentials })

const sendAll = ({ rpc }: Session, messages: readonly Buffer[]): Promise<readonly Reply[]> =>
  Promise.all(messages.map((message) => rpc.exchange(message)))

function assertAllMade(replies: readonly Reply[]): void {
  for (const { body } of replies) assertStatus(decodeResult(nfs3.mkdir, body), 'NFS3_OK')
}

const bodies = (replies: readonly Reply[]): readonly string[] =>
  replies.map(({ body }) => body.toString('hex'))

test('machines behind one address: what one does pushes out nothing of the other’s', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const quiet = session.as(machine('quiet'))
  const busy = (await share.session(ALICE)).as(machine('busy'))
  const quietCalls = ['a', 'b', 'c'].map((name) => mkdirCall(quiet, dir, name))
  const first = await sendAll(quiet, quietCalls)
  const flood = Array.from({ length: 2 * REMEMBERED }, (_, i) => mkdirCall(busy, dir, `${i}`))
  const flooded = await sendAll(busy, flood)
  assertAllMade([...first, ...flooded])
  for (const port of ['one port', 'another']) {
    await share.crash()
    const again = await share.session(ALICE)
    assert.deepEqual(bodies(await sendAll(again, quietCalls)), bodies(first), port)
    const last = flood.slice(-REMEMBERED)
    assert.deepEqual(bodies(await sendAll(again, last)), bodies(flooded.slice(-REMEMBERED)), port)
  }
})

test('a machine that comes back goes on while others have not come back yet', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const [early, late] = [machine('early'), machine('late')]
  const lost = ['a', 'b', 'c'].map((name) => mkdirCall(session.as(late), dir, name))
  const first = await sendAll(session, lost)
  await share.crash()
  const there = (await share.session(ALICE)).as(early)
  const calls = Array.from({ length: 2 * REMEMBERED }, (_, i) => mkdirCall(there, dir, `${i}`))
  assertAllMade(await sendAll(there, calls))
  assert.deepEqual(bodies(await sendAll(await share.session(ALICE), lost)), bodies(first))
})

test('what has no credentials has a place of its own', async () => {
  const { session, dir } = await share.workplace(ALICE)
  const nobody = session.as({ flavor: 0, body: Buffer.alloc(0) })
  const call = mkdirCall(nobody, dir, 'nobody')
  const first = await sendAll(nobody, [call])
  assertAllMade(first)
  const flood = Array.from({ length: 2 * REMEMBERED }, (_, i) => mkdirCall(session, dir, `${i}`))
  assertAllMade(await sendAll(session, flood))
  await share.crash()
  assert.deepEqual(bodies(await sendAll(await share.session(ALICE), [call])), bodies(first))
})
