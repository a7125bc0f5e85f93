import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { MOUNT_PROGRAM } from '../../../src/protocols/mount3/mount3-types.ts'
import { NFS_PROGRAM } from '../../../src/protocols/nfs3/program.ts'
import * as types from '../../../src/protocols/portmap/portmap-types.ts'
import type { Codec } from '../../../src/wire/schema.ts'
import { datagramOf, exchangeDatagram } from '../../client/datagram-call.ts'
import { pmap, rpcb } from '../../client/portmap-client.ts'
import { decodeResult, type Procedure } from '../../client/rpc-call.ts'
import { RpcClient } from '../../client/rpc-client.ts'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'
import { codecLaws } from '../../wire/codec-laws.ts'
import { serveShare } from '../served-share.ts'

const { PORTMAP_PROGRAM, protocol } = types
const ACCEPTED = 0
const PROC_UNAVAIL = 3
const GARBAGE_ARGS = 4

const share = await serveShare({ portmap: 'true', 'portmap-port': '0' })
let port: number
let rpc: RpcClient

before(async () => {
  port = share.server.portmapPort ?? 0
  rpc = await RpcClient.connect({ port })
})

const named = (prog: number, vers: number) => {
  const free = { r_netid: '', r_addr: '', r_owner: '' }
  return { r_prog: prog, r_vers: vers, ...free }
}
const uaddr = (at: number) => `127.0.0.1.${at >> 8}.${at & 255}`

async function overUdp<A, R>(procedure: Procedure<A, R>, args: A): Promise<R> {
  const reply = await exchangeDatagram(port, datagramOf(procedure, args))
  assert.ok(reply?.header.reply.stat === ACCEPTED && reply.header.reply.reply_data.stat === 0)
  return decodeResult(procedure, reply.body)
}

describe('version 2', () => {
  const mapping = (prog: number, vers: number, prot: number) => ({ prog, vers, prot, port: 0 })
  const portOf = async (prog: number, vers: number, prot: number) =>
    (await rpc.call(pmap.getport, mapping(prog, vers, prot))).port

  test('GETPORT says where programs are', async () => {
    assert.equal(await portOf(NFS_PROGRAM, 3, protocol.tcp), share.server.port)
    assert.equal(await portOf(MOUNT_PROGRAM, 3, protocol.tcp), share.server.port)
    assert.equal(await portOf(PORTMAP_PROGRAM, 2, protocol.udp), port)
  })

  test('GETPORT says where another version is, and 0 for what is not served', async () => {
    assert.equal(await portOf(NFS_PROGRAM, 2, protocol.tcp), share.server.port)
    assert.equal(await portOf(NFS_PROGRAM, 3, protocol.udp), 0)
    assert.equal(await portOf(NFS_PROGRAM, 3, 99), 0)
    assert.equal(await portOf(100021, 4, protocol.tcp), 0)
  })

  test('the same over UDP', async () => {
    const nfs = await overUdp(pmap.getport, mapping(NFS_PROGRAM, 3, protocol.tcp))
    assert.equal(nfs.port, share.server.port)
    assert.deepEqual(await overUdp(pmap.null, {}), {})
  })

  test('DUMP lists everything, and over UDP nothing', async () => {
    const { pmaplist } = await rpc.call(pmap.dump, {})
    const at = (prog: number) => pmaplist.filter((entry) => entry.prog === prog)
    assert.deepEqual(at(NFS_PROGRAM), [
      { prog: NFS_PROGRAM, vers: 3, prot: protocol.tcp, port: share.server.port },
    ])
    assert.deepEqual(
      at(MOUNT_PROGRAM)
        .map(({ vers }) => vers)
        .sort(),
      [1, 3],
    )
    assert.equal(at(PORTMAP_PROGRAM).length, 6)
    const reply = await exchangeDatagram(port, datagramOf(pmap.dump, {}))
    assert.ok(reply?.header.reply.stat === ACCEPTED)
    assert.equal(reply.header.reply.reply_data.stat, PROC_UNAVAIL)
  })

  test('SET and UNSET are refused, and change nothing', async () => {
    const before = await rpc.call(pmap.dump, {})
    const evil = { prog: NFS_PROGRAM, vers: 3, prot: protocol.tcp, port: 9 }
    assert.deepEqual(await rpc.call(pmap.unset, evil), { done: false })
    assert.deepEqual(await rpc.call(pmap.set, evil), { done: false })
    assert.deepEqual(await overUdp(pmap.set, evil), { done: false })
    assert.deepEqual(await rpc.call(pmap.dump, {}), before)
  })

  test('CALLIT is not answered', async () => {
    assert.equal(await exchangeDatagram(port, datagramOf(pmap.callit, {}), 300), undefined)
  })
})

for (const version of [3, 4]) {
  describe(`version ${version}`, () => {
    const calls = rpcb(version)

    test('GETADDR answers for the transport of the question', async () => {
      const nfs = named(NFS_PROGRAM, 3)
      assert.equal((await rpc.call(calls.getaddr, nfs)).uaddr, uaddr(share.server.port))
      assert.equal((await overUdp(calls.getaddr, nfs)).uaddr, '')
      const itself = named(PORTMAP_PROGRAM, version)
      assert.equal((await overUdp(calls.getaddr, itself)).uaddr, uaddr(port))
      assert.equal((await rpc.call(calls.getaddr, named(100021, 4))).uaddr, '')
    })

    test('DUMP lists everything with its addresses', async () => {
      const { rpcblist } = await rpc.call(calls.dump, {})
      const nfs = rpcblist.find(({ r_prog }) => r_prog === NFS_PROGRAM)
      assert.deepEqual(nfs, {
        r_prog: NFS_PROGRAM,
        r_vers: 3,
        r_netid: 'tcp',
        r_addr: uaddr(share.server.port),
        r_owner: 'superuser',
      })
      assert.equal(rpcblist.length, 9)
    })

    test('SET and UNSET are refused', async () => {
      assert.deepEqual(await rpc.call(calls.set, named(1, 1)), { done: false })
      assert.deepEqual(await overUdp(calls.unset, named(NFS_PROGRAM, 3)), { done: false })
    })

    test('GETTIME is the time', async () => {
      const { seconds } = await rpc.call(calls.gettime, {})
      assert.ok(Math.abs(seconds - Date.now() / 1000) < 60)
    })
  })
}

describe('version 4 alone', () => {
  const calls = rpcb(4)

  test('GETVERSADDR takes no other version for the one asked for', async () => {
    const { uaddr: right } = await rpc.call(calls.getversaddr, named(NFS_PROGRAM, 3))
    assert.equal(right, uaddr(share.server.port))
    assert.equal((await rpc.call(calls.getversaddr, named(NFS_PROGRAM, 2))).uaddr, '')
    assert.notEqual((await rpc.call(calls.getaddr, named(NFS_PROGRAM, 2))).uaddr, '')
  })

  test('GETADDRLIST lists the transports of a version', async () => {
    const own = await overUdp(calls.getaddrlist, named(PORTMAP_PROGRAM, 4))
    assert.deepEqual(own.rpcb_entry_list, [entry('tcp', 3, port), entry('udp', 1, port)])
    const nothing = await rpc.call(calls.getaddrlist, named(NFS_PROGRAM, 4))
    assert.deepEqual(nothing.rpcb_entry_list, [])
  })

  const entry = (transport: string, r_nc_semantics: number, at: number) => ({
    r_maddr: uaddr(at),
    r_nc_netid: transport,
    r_nc_semantics,
    r_nc_protofmly: 'inet',
    r_nc_proto: transport,
  })
})

describe('hostile datagrams', () => {
  test('half of a call gets no answer, half of its arguments an error', async () => {
    const whole = datagramOf(pmap.getport, { prog: NFS_PROGRAM, vers: 3, prot: 6, port: 0 })
    assert.equal(await exchangeDatagram(port, whole.subarray(0, 20), 300), undefined)
    const reply = await exchangeDatagram(port, whole.subarray(0, -4))
    assert.ok(reply?.header.reply.stat === ACCEPTED)
    assert.equal(reply.header.reply.reply_data.stat, GARBAGE_ARGS)
  })

  test('noise of any length is survived', async (t) => {
    const random = new SeededRandom(seedFromEnvironment())
    t.diagnostic(`DFS_SEED=${random.seed}`)
    for (let i = 0; i < 300; i++) {
      const noise = random.bytes(random.below(600))
      await exchangeDatagram(port, noise, 1)
    }
    assert.deepEqual(await overUdp(pmap.null, {}), {})
  })
})

const isCodec = (x: unknown): x is Codec<never> =>
  typeof x === 'object' && x !== null && 'decode' in x && 'schema' in x
codecLaws(Object.values(types as Record<string, unknown>).filter(isCodec), 25)
