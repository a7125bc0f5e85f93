/**
 * Damaged calls by the thousand, of every procedure: each gets an answer of the protocol, nobody
 * else notices, and nothing is left behind. DFS_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mount3 } from '../client/mount3-client.ts'
import { nfs3 } from '../client/nfs3-client.ts'
import { toRecord } from '../client/record-marking.ts'
import { encodeCall } from '../client/rpc-call.ts'
import type { RpcClient } from '../client/rpc-client.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { checkOffline } from '../server-process.ts'
import { bombard, credentials, FRAMES, type Target, untyped } from './bombardment.ts'
import { damaged } from './damage.ts'
import { assertNothingLeft, holdingsOf } from './left-behind.ts'
import { type ProcedureName, procedureNames, validCalls } from './nfs3/valid-calls.ts'
import { serveShare } from './served-share.ts'
import { ALICE } from './session.ts'

const NONE = Buffer.alloc(0)

const seed = seedFromEnvironment()
const share = await serveShare()
const before = await holdingsOf(share.server)

/** Procedures whose first handle is that of a file. */
const usesFile = new Set<ProcedureName>([
  'access',
  'commit',
  'getattr',
  'link',
  'read',
  'setattr',
  'write',
])

async function bombarded(target: Target): Promise<void> {
  const { program, number } = target.procedure
  const rpc = await share.connect()
  await bombard(rpc, new SeededRandom(seed + program + number), target)
  await rpc.close()
}

describe(`damaged arguments (DFS_SEED=${seed})`, () => {
  for (const name of procedureNames) {
    test(`NFS ${name}`, async () => {
      const { session, dir } = await share.workplace()
      const file = await session.create(dir, 'file', { data: 'content' })
      const symlink = await session.symlink(dir, 'symlink', 'target')
      const handles = { dir, file, symlink }
      const main = name === 'readlink' ? symlink : usesFile.has(name) ? file : dir
      const argsOf = (xid: number) => validCalls(handles, `name ${xid}`)[name]
      await bombarded({ procedure: untyped(nfs3[name]), argsOf, handle: main })
      const bystander = await share.session(ALICE)
      await bystander.create(dir, 'made by a good client')
    })
  }

  test('NFS null', () =>
    bombarded({ procedure: untyped(nfs3.null), argsOf: () => ({}), handle: NONE }))

  for (const [name, procedure] of Object.entries(mount3)) {
    test(`MOUNT ${name}`, async () => {
      const argsOf = () => ({ dirpath: '/export/workplace-1' })
      await bombarded({ procedure: untyped(procedure), argsOf, handle: Buffer.from('/export') })
    })
  }

  test('UMNT of MOUNT version 1, which old clients use', async () => {
    const argsOf = () => ({ dirpath: '/export/workplace-1' })
    const procedure = untyped({ ...mount3.umnt, version: 1 })
    await bombarded({ procedure, argsOf, handle: Buffer.from('/export') })
  })
})

describe(`damaged headers and streams (DFS_SEED=${seed})`, () => {
  const random = new SeededRandom(seed)

  /** Sends bytes and resolves when the server has seen them: it answers, or it has hung up. */
  async function sendAndSync(rpc: RpcClient, bytes: Buffer): Promise<void> {
    const xid = rpc.takeXid()
    const sync = toRecord(encodeCall(nfs3.null, {}, xid, credentials))
    const answer = rpc.replyTo(xid).then(
      () => undefined,
      () => undefined,
    )
    rpc.sendBytes(Buffer.concat([bytes, sync]))
    await answer
  }

  test('of calls that a good client could have sent', async () => {
    const { session, dir } = await share.workplace()
    const file = await session.create(dir, 'file', { data: 'content' })
    const symlink = await session.symlink(dir, 'symlink', 'target')
    let rpc = await share.connect()
    for (let sent = 0; sent < FRAMES; ) {
      const frames = Array.from({ length: random.between(1, 20) }, () => {
        const calls = validCalls({ dir, file, symlink }, `name ${sent++}`)
        const name = random.pick(procedureNames)
        const procedure = untyped(nfs3[name])
        const good = encodeCall(procedure, calls[name], rpc.takeXid(), credentials)
        return toRecord(damaged(random, good, 4, file))
      })
      await sendAndSync(rpc, Buffer.concat(frames))
      if (!rpc.connected) rpc = await share.connect()
    }
    // Elsewhere: what a good client could have sent may have closed this directory to others.
    const bystander = await share.workplace(ALICE)
    await bystander.session.create(bystander.dir, 'made by a good client')
  })

  test('record marks that lie', async () => {
    for (let i = 0; i < 300; i++) {
      const rpc = await share.connect()
      const good = toRecord(encodeCall(nfs3.null, {}, rpc.takeXid(), credentials))
      // The bits that make it a little or much longer than it is, or not the last of its record.
      good.writeUInt32BE((good.readUInt32BE(0) ^ (1 << random.below(32))) >>> 0)
      rpc.sendBytes(Buffer.concat([good, random.bytes(random.below(3000))]))
      await rpc.close()
    }
    await share.session(ALICE)
  })

  test('bytes of no protocol at all', async () => {
    for (let i = 0; i < 300; i++) {
      const rpc = await share.connect()
      rpc.sendBytes(random.bytes(random.pick([1, 4, 100, 5000, 100_000])))
      if (random.chance(0.5)) await rpc.close()
      else await rpc.reset()
    }
    await share.session(ALICE)
  })
})

test('nothing is left behind', async () => {
  await share.disconnect()
  await assertNothingLeft(share.server, before)
})

test('all that was done lies whole in the journal', async () => {
  const { session, dir } = await share.workplace()
  await session.create(dir, 'the last file')
  await share.server.kill()
  const { digest, rebuilt } = await checkOffline(share.data)
  assert.equal(digest, rebuilt)
  await share.start()
  const again = await share.session()
  assert.deepEqual(await again.names(dir), ['the last file'])
})
