/** Peers that take without giving: memory stays bounded, and everybody else is served. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nfs3 } from '../../client/nfs3-client.ts'
import { RecordAssembler, toRecord } from '../../client/record-marking.ts'
import { type Callable, decodeReply, encodeCall } from '../../client/rpc-call.ts'
import { RpcClient } from '../../client/rpc-client.ts'
import { serveShare } from '../served-share.ts'
import { ALICE, type Session } from '../session.ts'

const share = await serveShare()
const MiB = 1 << 20
/** Far above what one server needs for a few connections, far below what a flood asks for. */
const GROWTH_MAX = 150 * MiB

describe('a peer that sends and never reads', () => {
  for (const [what, offset] of [
    ['READ of data in memory', 0],
    ['READ of a hole', 2 ** 40],
  ] as const) {
    test(`${what}: it is not read from, and what it asked for waits`, async () => {
      const { session, dir } = await share.workplace(ALICE)
      const file = await session.create(dir, 'file')
      await session.write(file, 0, Buffer.alloc(MiB, 7))
      await session.set(file, { size: 2 ** 41 })
      await session.read(file, 0, MiB)
      const before = share.server.residentMemory()
      const args = { file, offset, count: MiB }
      const flood = await Flood.open(share.server.port, nfs3.read, () => args, session)
      flood.send(2000)
      for (let i = 0; i < 20; i++) {
        await sleep(50)
        await session.attributes(file)
      }
      const growth = share.server.residentMemory() - before
      assert.ok(growth < GROWTH_MAX, `${Math.round(growth / MiB)} MiB more than before`)
      await session.create(dir, 'another')
      flood.end()
    })
  }

  test('READ of what lies on the disk: no more is fetched than is sent', async () => {
    const large = await serveShare({ 'content-memory': '32M' })
    const { session, dir } = await large.workplace(ALICE)
    const file = await session.create(dir, 'file')
    const blocks = Array.from({ length: 280 }, (_, i) => i)
    // A byte of its own in each: equal blocks are stored once.
    const block = (i: number) => Buffer.alloc(MiB, `block ${i}`)
    for (let i = 0; i < blocks.length; i += 8) {
      await Promise.all(
        blocks.slice(i, i + 8).map((n) => session.write(file, n * MiB, block(n), 0)),
      )
    }
    await session.commit(file)
    await large.restart()
    const again = await large.session(ALICE)
    const before = large.server.residentMemory()
    const read = (xid: number) => ({ file, offset: (xid % blocks.length) * MiB, count: MiB })
    const flood = await Flood.open(large.server.port, nfs3.read, read, session)
    flood.send(blocks.length)
    for (let i = 0; i < 20; i++) {
      await sleep(50)
      await again.attributes(file)
    }
    const growth = large.server.residentMemory() - before
    assert.ok(growth < GROWTH_MAX, `${Math.round(growth / MiB)} MiB more than before`)
    flood.end()
  })

  test('when it reads after all, it gets every answer', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const file = await session.create(dir, 'file', { data: Buffer.alloc(100_000, 7) })
    const args = { file, offset: 0, count: 100_000 }
    const flood = await Flood.open(share.server.port, nfs3.read, () => args, session)
    flood.send(500)
    await sleep(100)
    assert.equal(await flood.readAll(500), 500)
    flood.end()
  })
})

/** A connection that sends calls and does not read what comes back until told to. */
class Flood {
  private readonly socket: Socket
  private readonly record: (xid: number) => Buffer

  private constructor(socket: Socket, record: (xid: number) => Buffer) {
    this.socket = socket
    this.record = record
  }

  static async open<Args>(
    port: number,
    procedure: Callable<Args>,
    argsOf: (xid: number) => Args,
    { credentials }: Session,
  ): Promise<Flood> {
    const socket = connect({ host: '127.0.0.1', port })
    socket.pause()
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    return new Flood(socket, (xid) =>
      toRecord(encodeCall(procedure, argsOf(xid), xid, credentials)),
    )
  }

  /** Sends calls in one go. */
  send(count: number): void {
    this.socket.write(Buffer.concat(Array.from({ length: count }, (_, xid) => this.record(xid))))
  }

  /** Reads until as many replies have come, each with an xid of its own. */
  async readAll(count: number): Promise<number> {
    const xids = new Set<number>()
    const done = Promise.withResolvers<void>()
    const records = new RecordAssembler((record) => {
      xids.add(decodeReply(record).header.xid)
      if (xids.size === count) done.resolve()
    }, 2 * MiB)
    this.socket.on('data', (bytes: Buffer) => records.push(bytes))
    this.socket.once('close', () => done.reject(new Error(`closed after ${xids.size} replies`)))
    this.socket.resume()
    await done.promise
    return xids.size
  }

  end(): void {
    this.socket.removeAllListeners('close')
    this.socket.destroy()
  }
}

describe('connections', () => {
  test('beyond --max-connections are closed; when one ends the next is welcome', async () => {
    const LIMIT = 5
    const small = await serveShare({ 'max-connections': String(LIMIT) })
    const { port } = small.server
    const clients = await Promise.all(Array.from({ length: LIMIT }, () => connectTo(port)))
    for (const client of clients) await client.call(nfs3.null, {})
    for (let i = 0; i < 3; i++) {
      const refused = await connectTo(port)
      await assert.rejects(refused.call(nfs3.null, {}))
      await refused.closed
    }
    for (const client of clients) await client.call(nfs3.null, {})
    await clients[0]?.close()
    await eventually(async () => {
      const next = await connectTo(port)
      await next.call(nfs3.null, {})
      await next.close()
    })
    await Promise.all(clients.slice(1).map((client) => client.close()))
  })

  test('that are left lying in the middle of a record hold nobody up', async () => {
    const { session } = await share.workplace(ALICE)
    const before = share.server.residentMemory()
    const lying = await Promise.all(Array.from({ length: 100 }, () => connectTo(share.server.port)))
    for (const client of lying) client.sendBytes(Buffer.from([0x80, 0x10, 0, 0, 1, 2, 3]))
    for (let i = 0; i < 20; i++) await session.attributes(session.root)
    const growth = share.server.residentMemory() - before
    assert.ok(growth < GROWTH_MAX, `${Math.round(growth / MiB)} MiB for 700 bytes`)
    await Promise.all(lying.map((client) => client.reset()))
  })

  test('come and go by the hundred', async () => {
    for (let i = 0; i < 10; i++) {
      const clients = await Promise.all(
        Array.from({ length: 50 }, () => connectTo(share.server.port)),
      )
      await Promise.all(clients.map((client) => client.call(nfs3.null, {})))
      await Promise.all(clients.map((client, n) => (n % 2 ? client.close() : client.reset())))
    }
    const last = await connectTo(share.server.port)
    await last.call(nfs3.null, {})
    await last.close()
  })

  test('half closed: the server hangs up too, and what was answered has happened', async () => {
    const { session, dir } = await share.workplace(ALICE)
    const socket = connect({ host: '127.0.0.1', port: share.server.port, allowHalfOpen: true })
    const answered = new Set<number>()
    const records = new RecordAssembler((record) => {
      const { header, body } = decodeReply(record)
      if (body.readUInt32BE(0) === 0) answered.add(header.xid)
    }, MiB)
    socket.on('data', (bytes: Buffer) => records.push(bytes))
    const { credentials } = session
    const calls = Array.from({ length: 50 }, (_, xid) => {
      const attributes = { mode: undefined, uid: undefined, gid: undefined, size: undefined }
      const times = { atime: { how: 0 }, mtime: { how: 0 } } as const
      const args = { where: { dir, name: `${xid}` }, attributes: { ...attributes, ...times } }
      return toRecord(encodeCall(nfs3.mkdir, args, 0x70000000 + xid, credentials))
    })
    socket.end(Buffer.concat(calls))
    await once(socket, 'close')
    const names = new Set(await session.names(dir))
    for (const xid of answered) assert.ok(names.has(`${xid - 0x70000000}`))
  })
})

const connectTo = (port: number): Promise<RpcClient> => RpcClient.connect({ port })

/** The server notices that a connection has ended when it notices. */
async function eventually(attempt: () => Promise<void>): Promise<void> {
  for (let i = 0; ; i++) {
    try {
      return await attempt()
    } catch (error) {
      if (i === 100) throw error
      await sleep(20)
    }
  }
}
