import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { GETATTR3res } from '../../src/protocols/nfs3/procedures/getattr.ts'
import { READ3res } from '../../src/protocols/nfs3/procedures/read.ts'
import { nfsstat3 } from '../../src/protocols/nfs3/wire-types.ts'
import { authsys_parms } from '../../src/protocols/rpc/rpc-message.ts'
import { Reader } from '../../src/wire/reader.ts'
import { accepted, bareReply, FakeRpcServer, replyMessage } from './fake-rpc-server.ts'
import { Mount3Client } from './mount3-client.ts'
import { nfs3, nfs3Client, ok } from './nfs3-client.ts'
import { toRecord } from './record-marking.ts'
import { authNone, authSys, decodeResult } from './rpc-call.ts'
import { RpcClient, type RpcClientOptions } from './rpc-client.ts'
import { RpcDisconnected, RpcRefused, RpcTimeout } from './rpc-error.ts'

type OnCall = Parameters<typeof FakeRpcServer.start>[0]

const STALE = { status: nfsstat3.NFS3ERR_STALE } as const
const stale = (xid: number) => replyMessage(xid, GETATTR3res, STALE)
const object = Buffer.from('a handle')

async function setUp(t: TestContext, onCall: OnCall, options: Partial<RpcClientOptions> = {}) {
  const server = await FakeRpcServer.start(onCall)
  const rpc = await RpcClient.connect({ port: server.port, timeoutMs: 2000, ...options })
  t.after(async () => {
    await server.stop()
    await rpc.close()
  })
  return { server, rpc, nfs: nfs3Client(rpc) }
}

test('a call carries its credentials, and its result is decoded', async (t) => {
  const { server, nfs } = await setUp(t, ({ header, socket }) => {
    socket.write(toRecord(stale(header.xid)))
  })
  const result = await nfs.getattr({ object })
  assert.equal(result.status, nfsstat3.NFS3ERR_STALE)
  assert.throws(() => ok(result), /NFS3ERR_STALE/)
  await nfs.getattr({ object }, { credentials: authNone })
  await nfs.getattr({ object }, { credentials: authSys({ uid: 7, gid: 8, gids: [9, 10] }) })
  const [first, second, third] = server.calls.map(({ header }) => header)
  assert.deepEqual([first?.prog, first?.vers, first?.proc], [100003, 3, 1])
  assert.equal(first?.cred.flavor, 1)
  assert.equal(second?.cred.flavor, 0)
  const { uid, gid, gids } = authsys_parms.decode(new Reader(third!.cred.body))
  assert.deepEqual([uid, gid, gids], [7, 8, [9, 10]])
})

test('replies find their calls in any order', async (t) => {
  const held: (() => void)[] = []
  const { nfs } = await setUp(t, ({ header, socket }) => {
    held.push(() => {
      const data = Buffer.from(`for ${header.xid}`)
      const result = { file_attributes: undefined, count: data.length, eof: true, data }
      socket.write(toRecord(replyMessage(header.xid, READ3res, { status: 0, ...result })))
    })
    if (held.length === 3) for (const answer of held.toReversed()) answer()
  })
  const xids = [70, 71, 72]
  const results = await Promise.all(
    xids.map((xid) => nfs.read({ file: object, offset: 0, count: 10 }, { xid })),
  )
  const texts = results.map((result) => ok(result).data.toString())
  assert.deepEqual(texts, ['for 70', 'for 71', 'for 72'])
})

test('records are cut into fragments and put together, on both sides', async (t) => {
  const { server, nfs } = await setUp(t, async ({ header, socket }) => {
    const message = stale(header.xid)
    const record = toRecord(message, [1, 0, 7, message.length - 8])
    for (const byte of record) {
      socket.write(Buffer.from([byte]))
      await sleep(0)
    }
  })
  const result = await nfs.getattr({ object }, { cuts: [3, 0, 20] })
  assert.equal(result.status, nfsstat3.NFS3ERR_STALE)
  const call = nfs3.getattr.args.decode(new Reader(argumentsOf(server.calls[0]!.message)))
  assert.deepEqual(call.object, object)
})

function argumentsOf(message: Buffer): Buffer {
  const credentials = message.readUInt32BE(28)
  return message.subarray(40 + credentials)
}

test('the same bytes can be sent again, under the same xid', async (t) => {
  const { server, rpc } = await setUp(t, ({ header, socket }) => {
    socket.write(toRecord(stale(header.xid)))
  })
  const message = rpc.encode(nfs3.getattr, { object }, { xid: 4711 })
  const replies = await Promise.all([rpc.exchange(message), rpc.exchange(message)])
  for (const { header, body } of replies) {
    assert.equal(header.xid, 4711)
    assert.equal(decodeResult(nfs3.getattr, body).status, nfsstat3.NFS3ERR_STALE)
  }
  const [first, second] = server.calls
  assert.deepEqual(first?.message, second?.message)
})

test('raw bytes go out as they are, and replies nobody awaits are kept', async (t) => {
  const { server, rpc } = await setUp(t, ({ header, socket }) => {
    socket.write(toRecord(stale(header.xid)))
  })
  const first = rpc.replyTo(1)
  rpc.sendBytes(toRecord(rpc.encode(nfs3.getattr, { object }, { xid: 1 })))
  assert.equal((await first).header.xid, 1)
  const second = rpc.replyTo(3)
  rpc.sendBytes(toRecord(rpc.encode(nfs3.getattr, { object }, { xid: 2 })))
  rpc.sendBytes(toRecord(rpc.encode(nfs3.getattr, { object }, { xid: 3 })))
  await second
  assert.deepEqual(
    rpc.strays.map(({ header }) => header.xid),
    [2],
  )
  assert.equal(server.calls.length, 3)
})

test('a refusal names its reason', async (t) => {
  const { rpc, nfs } = await setUp(t, ({ header, socket }) => {
    const { xid, proc } = header
    const denied = { stat: 1, rejection: { stat: 1, auth: 5 } } as const
    const refusal = proc === 0 ? { xid, mtype: 1, reply: denied } : accepted(xid, 4)
    socket.write(toRecord(bareReply(refusal)))
  })
  await assert.rejects(nfs.getattr({ object }), (error: RpcRefused) => {
    assert.ok(error instanceof RpcRefused)
    assert.match(error.message, /GETATTR was refused: GARBAGE_ARGS/)
    return true
  })
  await assert.rejects(nfs.null({}), /AUTH_ERROR AUTH_TOOWEAK/)
  await assert.rejects(new Mount3Client(rpc).mnt('/'), /MNT was refused: GARBAGE_ARGS/)
})

test('bytes behind a result are an error', async (t) => {
  const { nfs } = await setUp(t, ({ header, socket }) => {
    socket.write(toRecord(Buffer.concat([stale(header.xid), Buffer.alloc(4)])))
  })
  await assert.rejects(nfs.getattr({ object }), /4 bytes are left over/)
})

test('no answer in time is a timeout', async (t) => {
  const { nfs } = await setUp(t, () => {})
  await assert.rejects(nfs.getattr({ object }, { timeoutMs: 20 }), RpcTimeout)
})

test('a lost connection fails what is unanswered, and says where it was cut', async (t) => {
  const { rpc, nfs } = await setUp(t, ({ header, socket }) => {
    socket.end(toRecord(stale(header.xid)).subarray(0, 9))
  })
  await assert.rejects(nfs.getattr({ object }), (error: Error) => {
    assert.ok(error instanceof RpcDisconnected)
    assert.match(error.message, /in the middle of a record/)
    return true
  })
  await rpc.closed
  await assert.rejects(nfs.getattr({ object }), RpcDisconnected)
})

test('where nobody listens there is no connection', async (t) => {
  const { server } = await setUp(t, () => {})
  await server.stop()
  await assert.rejects(RpcClient.connect({ port: server.port }), RpcDisconnected)
})

test('a reconnecting client sends what is unanswered again, unchanged', async (t) => {
  let connections = 0
  const { server, rpc, nfs } = await setUp(
    t,
    ({ header, socket }) => {
      connections += 1
      if (connections <= 2) socket.destroy()
      else socket.write(toRecord(stale(header.xid)))
    },
    { reconnectMs: 2000 },
  )
  const result = await nfs.getattr({ object })
  assert.equal(result.status, nfsstat3.NFS3ERR_STALE)
  assert.equal(server.calls.length, 3)
  const [first, ...others] = server.calls.map(({ message }) => message)
  for (const other of others) assert.deepEqual(other, first)
  assert.ok(rpc.connected)
})

test('a reply that is no RPC message ends the connection', async (t) => {
  const { nfs } = await setUp(t, ({ socket }) => {
    socket.write(toRecord(Buffer.from('not a reply')))
  })
  await assert.rejects(nfs.getattr({ object }), RpcDisconnected)
})

test('a record over the limit ends the connection', async (t) => {
  const { nfs } = await setUp(
    t,
    ({ header, socket }) => socket.write(toRecord(stale(header.xid))),
    { maxRecord: 16 },
  )
  await assert.rejects(nfs.getattr({ object }), /over the limit of 16/)
})
