/**
 * Damaged questions to the port mapper by the thousand, of every procedure in every version, over
 * TCP and UDP. DFS_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NFS_PROGRAM } from '../../../src/protocols/nfs3/program.ts'
import { PMAP_VERSION } from '../../../src/protocols/portmap/portmap-types.ts'
import { pmap, rpcb } from '../../client/portmap-client.ts'
import { toRecord } from '../../client/record-marking.ts'
import { encodeCall } from '../../client/rpc-call.ts'
import { RpcClient } from '../../client/rpc-client.ts'
import { SeededRandom, seedFromEnvironment } from '../../seeded-random.ts'
import {
  bombard,
  bombardDatagrams,
  credentials,
  FRAMES,
  type Target,
  untyped,
} from '../bombardment.ts'
import { damaged } from '../damage.ts'
import { assertNothingLeft, holdingsOf } from '../left-behind.ts'
import { serveShare } from '../served-share.ts'

const seed = seedFromEnvironment()
const share = await serveShare({ portmap: 'true', 'portmap-port': '0' })
const port = share.server.portmapPort ?? assert.fail('no port mapper')
const before = await holdingsOf(share.server)

const mapping = { prog: NFS_PROGRAM, vers: 3, prot: 6, port: 0 }
const named = { r_prog: NFS_PROGRAM, r_vers: 3, r_netid: 'tcp', r_addr: '', r_owner: 'somebody' }

// Those of version 4 alone are not there in version 3. CALLIT is answered by nobody: see below.
const { getversaddr: _1, getaddrlist: _2, ...version3 } = rpcb(3)
const { callit, ...version2 } = pmap
const procedures = [version2, version3, rpcb(4)].flatMap((version) => Object.values(version))

describe(`damaged arguments (DFS_SEED=${seed})`, () => {
  for (const procedure of procedures) {
    const { name, version, number } = procedure
    const args = version === PMAP_VERSION ? mapping : named
    const random = new SeededRandom(seed + 100 * version + number)
    const target: Target = {
      procedure: untyped(procedure),
      argsOf: () => args,
      handle: Buffer.from('somebody'),
    }
    test(`${name} over TCP`, async () => {
      const rpc = await RpcClient.connect({ port })
      await bombard(rpc, random, target)
      await rpc.close()
    })
    // Over UDP a list would be a weapon in the hands of who forges addresses: it is not there.
    if (name.endsWith('DUMP')) continue
    test(`${name} over UDP`, () => bombardDatagrams(port, random, target))
  }
})

test('damaged calls of CALLIT are answered by nothing, and those behind them are', async () => {
  const random = new SeededRandom(seed)
  const rpc = await RpcClient.connect({ port })
  const good = encodeCall(callit, {}, 1, credentials)
  for (let i = 0; i < FRAMES; i++) rpc.sendBytes(toRecord(damaged(random, good, good.length, good)))
  assert.deepEqual(await rpc.call(pmap.null, {}), {})
  await rpc.close()
  assert.deepEqual(rpc.strays, [])
})

test('damaged headers', async () => {
  const random = new SeededRandom(seed)
  let rpc = await RpcClient.connect({ port })
  for (let i = 0; i < FRAMES; i++) {
    if (!rpc.connected) rpc = await RpcClient.connect({ port })
    const good = encodeCall(pmap.getport, mapping, rpc.takeXid(), credentials)
    rpc.sendBytes(toRecord(damaged(random, good, 4, good)))
    if (i % 100 === 0) await rpc.call(pmap.null, {}).catch(() => undefined)
  }
  await rpc.close()
})

test('it serves on, and nothing is left behind', async () => {
  const rpc = await RpcClient.connect({ port })
  assert.deepEqual(await rpc.call(pmap.getport, mapping), { port: share.server.port })
  await rpc.close()
  await assertNothingLeft(share.server, before)
})
