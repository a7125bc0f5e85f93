/** RFC 5531 section 9: the answers to calls that reach no procedure. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  accept_stat,
  auth_flavor,
  auth_stat,
  authsys_parms,
  call_header,
  RPC_VERSION,
  reject_stat,
} from '../../../src/protocols/rpc/rpc-message.ts'
import { compile } from '../../../src/wire/compile.ts'
import { type Infer, nothing } from '../../../src/wire/schema.ts'
import { Writer } from '../../../src/wire/writer.ts'
import { mount3 } from '../../client/mount3-client.ts'
import { nfs3 } from '../../client/nfs3-client.ts'
import { authNone, authSys, type Credentials, type ReplyHeader } from '../../client/rpc-call.ts'
import type { RpcClient } from '../../client/rpc-client.ts'
import { nameOf } from '../../client/rpc-error.ts'
import { serveShare } from '../served-share.ts'
import { ALICE } from '../session.ts'

const share = await serveShare()
const rpc = await share.connect()

type Header = Infer<(typeof call_header)['schema']>

const header: Omit<Header, 'xid'> = {
  mtype: 0,
  rpcvers: RPC_VERSION,
  prog: nfs3.null.program,
  vers: nfs3.null.version,
  proc: 0,
  cred: authNone,
  verf: authNone,
}

async function answerTo(client: RpcClient, fields: Partial<Header>): Promise<ReplyHeader['reply']> {
  const w = new Writer(1024)
  call_header.encode(w, { ...header, xid: client.takeXid(), ...fields })
  return (await client.exchange(Buffer.from(w.written()))).header.reply
}

/** What a reply says, by name. */
function said(reply: ReplyHeader['reply']): string {
  if (reply.stat === 0) return nameOf(accept_stat, reply.reply_data.stat)
  const { rejection } = reply
  return rejection.stat === reject_stat.AUTH_ERROR
    ? nameOf(auth_stat, rejection.auth)
    : 'RPC_MISMATCH'
}

test('RPC_MISMATCH for any version but 2, which it names', async () => {
  for (const rpcvers of [0, 1, 3, 0xffffffff]) {
    const reply = await answerTo(rpc, { rpcvers })
    assert.equal(reply.stat, 1)
    assert.deepEqual(reply.rejection, { stat: reject_stat.RPC_MISMATCH, low: 2, high: 2 })
  }
})

test('PROG_UNAVAIL for programs that are not here', async () => {
  for (const prog of [0, 1, 100_000, 100_002, 100_004, 200_000, 0xffffffff]) {
    assert.equal(said(await answerTo(rpc, { prog })), 'PROG_UNAVAIL', `program ${prog}`)
  }
})

test('PROG_MISMATCH for other versions, with the lowest and highest served', async () => {
  for (const vers of [0, 1, 2, 5, 0xffffffff]) {
    const reply = await answerTo(rpc, { vers })
    assert.equal(said(reply), 'PROG_MISMATCH', `NFS version ${vers}`)
    const { low, high } = (reply as { reply_data: { low: number; high: number } }).reply_data
    assert.ok(low <= 3 && high >= 3 && (vers < low || vers > high), `${low} to ${high}`)
  }
  for (const vers of [0, 2, 4]) {
    const reply = await answerTo(rpc, { prog: mount3.null.program, vers })
    assert.equal(said(reply), 'PROG_MISMATCH', `MOUNT version ${vers}`)
    const { low, high } = (reply as { reply_data: { low: number; high: number } }).reply_data
    assert.deepEqual([low, high], [1, 3])
  }
})

test('PROC_UNAVAIL for procedures that are not there', async () => {
  for (const proc of [22, 23, 100, 0xffffffff]) {
    assert.equal(said(await answerTo(rpc, { proc })), 'PROC_UNAVAIL', `NFS ${proc}`)
  }
  for (const proc of [6, 7, 0xffffffff]) {
    const prog = mount3.null.program
    assert.equal(said(await answerTo(rpc, { prog, proc })), 'PROC_UNAVAIL', `MOUNT ${proc}`)
  }
})

test('GARBAGE_ARGS for arguments that end early, in every procedure that has some', async () => {
  const cred = authSys(ALICE)
  for (const { number, name } of Object.values(nfs3)) {
    if (number === 0) continue
    assert.equal(said(await answerTo(rpc, { proc: number, cred })), 'GARBAGE_ARGS', name)
  }
  for (const { program, number, name } of [mount3.mnt, mount3.umnt]) {
    const reply = await answerTo(rpc, { prog: program, proc: number, cred })
    assert.equal(said(reply), 'GARBAGE_ARGS', name)
  }
})

test('NULL answers everybody, whoever they say they are', async () => {
  for (const cred of [authNone, authSys(ALICE), authSys({ uid: 0, gid: 0 })]) {
    assert.equal(said(await answerTo(rpc, { cred })), 'SUCCESS')
    assert.equal(said(await answerTo(rpc, { prog: mount3.null.program, cred })), 'SUCCESS')
    const old = { prog: mount3.null.program, vers: 1, cred }
    assert.equal(said(await answerTo(rpc, old)), 'SUCCESS')
  }
})

describe('credentials', () => {
  const sys = (body: Buffer): Credentials => ({ flavor: auth_flavor.AUTH_SYS, body })
  const parms = { stamp: 0, machinename: 'client', uid: 1, gid: 1 }

  function encoded(gids: readonly number[]): Buffer {
    const w = new Writer(600)
    authsys_parms.encode(w, { ...parms, gids })
    return Buffer.from(w.written())
  }

  /** With a count of groups that `encoded` would not write. */
  function withGroups(count: number): Buffer {
    const body = Buffer.concat([encoded([]), Buffer.alloc(4 * count)])
    body.writeUInt32BE(count, body.length - 4 * count - 4)
    return body
  }

  test('AUTH_BADCRED for an AUTH_SYS body that is none', async () => {
    const whole = encoded([1, 2, 3])
    const longName = Buffer.concat([Buffer.alloc(4), Buffer.from([0, 0, 1, 0]), Buffer.alloc(300)])
    const bad = [
      Buffer.alloc(0),
      Buffer.alloc(3),
      whole.subarray(0, 4),
      whole.subarray(0, -1),
      whole.subarray(0, -4),
      withGroups(17),
      longName,
      Buffer.alloc(20, 0xff),
    ]
    for (const [i, body] of bad.entries()) {
      assert.equal(said(await answerTo(rpc, { cred: sys(body) })), 'AUTH_BADCRED', `body ${i}`)
    }
  })

  test('sixteen groups are allowed', async () => {
    assert.equal(said(await answerTo(rpc, { cred: sys(withGroups(16)) })), 'SUCCESS')
  })

  test('AUTH_TOOWEAK for flavors that are not known', async () => {
    for (const flavor of [3, auth_flavor.RPCSEC_GSS, 390_003, 0xffffffff]) {
      const cred = { flavor, body: Buffer.alloc(8) }
      assert.equal(said(await answerTo(rpc, { cred })), 'AUTH_TOOWEAK', `flavor ${flavor}`)
    }
  })

  test('AUTH_REJECTEDCRED for a short hand: none was given out', async () => {
    const cred = { flavor: auth_flavor.AUTH_SHORT, body: Buffer.alloc(8) }
    assert.equal(said(await answerTo(rpc, { cred })), 'AUTH_REJECTEDCRED')
  })

  test('the longest machine name and all groups: they count', async () => {
    const { dir } = await share.workplace()
    const asRoot = await share.session()
    await asRoot.set(dir, { mode: 0o070, gid: 4016 })
    const machinename = 'm'.repeat(255)
    const gids = Array.from({ length: 16 }, (_, n) => 4001 + n)
    const user = { uid: 9, gid: 9, gids, machinename }
    const session = (await share.session(user)).as(user)
    const file = await session.create(dir, 'file')
    assert.equal((await session.attributes(file)).uid, 9)
    const others = session.as({ ...user, gids: gids.slice(0, 15) })
    assert.equal((await others.nfs.lookup({ what: { dir, name: 'file' } })).status, 13)
  })

  test('a refusal does not stick: good credentials are good again', async () => {
    const bad = sys(Buffer.alloc(3))
    for (let i = 0; i < 3; i++) {
      assert.equal(said(await answerTo(rpc, { cred: bad })), 'AUTH_BADCRED')
      assert.equal(said(await answerTo(rpc, { cred: authSys(ALICE) })), 'SUCCESS')
    }
  })

  test('a body over 400 bytes ends in an error or a closed connection', async () => {
    const client = await share.connect()
    const w = new Writer(1024)
    call_header.encode(w, { ...header, xid: client.takeXid() })
    const message = Buffer.from(w.written())
    const oversized = Buffer.concat([message.subarray(0, 28), Buffer.alloc(420)])
    oversized.writeUInt32BE(404, 28)
    const outcome = await client.exchange(oversized).then(
      (reply) => said(reply.header.reply),
      () => 'closed',
    )
    assert.ok(['AUTH_BADCRED', 'closed'].includes(outcome), outcome)
  })
})

test('each answer has the xid of its call, whatever that is', async () => {
  for (const xid of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    assert.equal(said(await answerTo(rpc, { xid })), 'SUCCESS', `xid ${xid}`)
  }
})

test('bytes behind the arguments do no harm', async () => {
  const session = await share.session(ALICE)
  const message = session.rpc.encode(nfs3.getattr, { object: session.root })
  const { header: reply } = await session.rpc.exchange(Buffer.concat([message, Buffer.alloc(64)]))
  assert.ok(['SUCCESS', 'GARBAGE_ARGS'].includes(said(reply.reply)))
})

test('a procedure without arguments does not mind some', async () => {
  const empty = compile(nothing)
  const procedure = { ...nfs3.null, args: empty }
  const message = Buffer.concat([rpc.encode(procedure, {}), Buffer.alloc(100, 1)])
  assert.equal(said((await rpc.exchange(message)).header.reply), 'SUCCESS')
})
