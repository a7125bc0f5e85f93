/**
 * Damaged calls by the thousand, of every procedure: each gets an answer of the protocol, nobody
 * else notices, and nothing is left behind. DFS_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nfsstat3 } from '../../src/protocols/nfs3/wire-types.ts'
import { accept_stat } from '../../src/protocols/rpc/rpc-message.ts'
import { mount3 } from '../client/mount3-client.ts'
import { nfs3 } from '../client/nfs3-client.ts'
import { toRecord } from '../client/record-marking.ts'
import {
  authSys,
  decodeResult,
  encodeCall,
  type Procedure,
  type Reply,
} from '../client/rpc-call.ts'
import type { RpcClient } from '../client/rpc-client.ts'
import { nameOf } from '../client/rpc-error.ts'
import { SeededRandom, seedFromEnvironment } from '../seeded-random.ts'
import { checkOffline } from '../server-process.ts'
import { damaged } from './damage.ts'
import { type ProcedureName, procedureNames, validCalls } from './nfs3/valid-calls.ts'
import { serveShare } from './served-share.ts'
import { ALICE, ROOT } from './session.ts'

const FRAMES = 2000
const AT_ONCE = 250
const MiB = 1 << 20
/** A server that does this much work keeps some of it in caches; it must not keep all. */
const GROWTH_MAX = 250 * MiB

const seed = seedFromEnvironment()
const share = await serveShare()
const credentials = authSys(ROOT)
const before = share.server.residentMemory()

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

type AnyProcedure = Procedure<unknown, unknown>
/** Forgets of which type the arguments are, as a damaged message does. */
const untyped = (procedure: unknown): AnyProcedure => procedure as AnyProcedure

/** Where the arguments begin in a call with these credentials. */
const argumentsAt = encodeCall({ ...nfs3.null, number: 0 }, {}, 0, credentials).length

/** What a reply to a damaged call may be: a result that decodes, or GARBAGE_ARGS. */
function assertProper(procedure: AnyProcedure, { header, body }: Reply): string {
  assert.equal(header.reply.stat, 0, 'accepted')
  const { stat } = (header.reply as { reply_data: { stat: number } }).reply_data
  const name = nameOf(accept_stat, stat)
  if (name === 'GARBAGE_ARGS') return name
  assert.equal(name, 'SUCCESS')
  const result = decodeResult(procedure, body) as { readonly status?: number }
  if (result.status === undefined) return name
  const status = nameOf(nfsstat3, result.status)
  assert.match(status, /^NFS3/)
  assert.notEqual(status, 'NFS3ERR_SERVERFAULT')
  return status
}

async function bombard(
  procedure: AnyProcedure,
  argsOf: (xid: number) => unknown,
  handle: Buffer,
): Promise<void> {
  const random = new SeededRandom(seed + procedure.program + procedure.number)
  const rpc = await share.connect()
  const outcomes = new Set<string>()
  const hasArguments = encodeCall(procedure, argsOf(0), 0, credentials).length > argumentsAt
  for (let sent = 0; sent < FRAMES; sent += AT_ONCE) {
    const frames = Array.from({ length: AT_ONCE }, () => {
      const xid = rpc.takeXid()
      const good = encodeCall(procedure, argsOf(xid), xid, credentials)
      return damaged(random, good, argumentsAt, handle)
    })
    const replies = await Promise.all(frames.map((frame) => rpc.exchange(frame)))
    for (const reply of replies) {
      outcomes.add(assertProper(procedure, reply))
    }
  }
  assert.deepEqual(rpc.strays, [], 'each call is answered once')
  // Damage must not be so bad, nor so slight, that all calls end alike.
  if (hasArguments) assert.ok(outcomes.size > 1, [...outcomes].join())
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
      const procedure = untyped(nfs3[name])
      await bombard(procedure, (xid) => validCalls(handles, `name ${xid}`)[name], main)
      const bystander = await share.session(ALICE)
      await bystander.create(dir, 'made by a good client')
    })
  }

  test('NFS null', () => bombard(untyped(nfs3.null), () => ({}), Buffer.alloc(28)))

  for (const [name, procedure] of Object.entries(mount3)) {
    test(`MOUNT ${name}`, async () => {
      const args = { dirpath: '/export/workplace-1' }
      await bombard(untyped(procedure), () => args, Buffer.alloc(9))
    })
  }
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
    await (await share.session(ALICE)).create(dir, 'made by a good client')
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

test('memory is what it was, more or less', () => {
  const growth = share.server.residentMemory() - before
  assert.ok(growth < GROWTH_MAX, `${Math.round(growth / MiB)} MiB more than before`)
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
