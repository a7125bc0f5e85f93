/** SIGTERM: what is under way is answered and made durable, nothing new begins, and it exits 0. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nfsstat3 } from '../../src/protocols/nfs3/wire-types.ts'
import { nfs3, sattr } from '../client/nfs3-client.ts'
import { decodeResult } from '../client/rpc-call.ts'
import { ServedShare } from './served-share.ts'
import { connect } from './session.ts'

let share: ServedShare
beforeEach(async () => {
  share = new ServedShare({ 'share-squash': 'none' })
  await share.start()
})
afterEach(() => share.end())

/** Until nobody is let in any more. */
async function untilClosed(port: number): Promise<void> {
  for (;;) {
    const client = await connect(port).catch(() => undefined)
    if (client === undefined) return
    await client.close()
    await sleep(20)
  }
}

test('a call that waits is answered, while nobody new is let in', async () => {
  const { session, dir } = await share.workplace()
  await share.edit({ frozen: true })
  const args = { where: { dir, name: 'waits' }, attributes: sattr() }
  const message = session.rpc.encode(nfs3.mkdir, args, { credentials: session.credentials })
  const answer = session.rpc.exchange(message)
  await session.attributes(dir)
  const { server } = share
  const stopped = server.stop()
  await untilClosed(server.port)
  assert.ok(server.alive)
  // Until then the share is frozen: the client is told to come again.
  const { status } = decodeResult(nfs3.mkdir, (await answer).body)
  assert.equal(status, nfsstat3.NFS3ERR_JUKEBOX)
  assert.equal(await stopped, 0)
  assert.deepEqual(server.errors, [])
  await share.start()
  await share.edit({ frozen: false })
  const again = await (await share.session()).rpc.exchange(message)
  assert.equal(decodeResult(nfs3.mkdir, again.body).status, nfsstat3.NFS3_OK)
})

test('what was sent before is answered or has not happened; staged bytes stay', async () => {
  const { session, dir } = await share.workplace()
  const staged = await session.create(dir, 'staged')
  const bytes = Buffer.alloc(1 << 20, 'u')
  for (let n = 0; n < 3; n++) await session.write(staged, n * bytes.length, bytes, 0)
  const calls = Array.from({ length: 2000 }, (_, n) => {
    const args = { where: { dir, name: `${n}` }, attributes: sattr() }
    return session.rpc.encode(nfs3.mkdir, args, { credentials: session.credentials })
  })
  const answers = calls.map((message) => session.rpc.exchange(message))
  await Promise.race(answers)
  const { server } = share
  assert.equal(await server.stop(), 0)
  const settled = await Promise.allSettled(answers)
  const answered = settled.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []))
  assert.deepEqual(server.errors, [])
  await share.start()
  const again = await share.session()
  const names = new Set(await again.names(dir))
  for (const n of answered) assert.ok(names.has(`${n}`), `${n} was answered`)
  // What happened without an answer has one for who asks again.
  for (const [n, { status }] of settled.entries()) {
    if (status === 'fulfilled') continue
    const reply = await again.rpc.exchange(calls[n] as Buffer)
    assert.equal(decodeResult(nfs3.mkdir, reply.body).status, nfsstat3.NFS3_OK, `${n}`)
  }
  assert.equal((await again.names(dir)).length, calls.length + 1)
  const stored = await again.readAll(await again.lookup(dir, 'staged'))
  assert.ok(stored.equals(Buffer.concat([bytes, bytes, bytes])))
})
