/** Damaged calls of one procedure by the thousand, and what their answers may be. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { nfsstat3 } from '../../src/protocols/nfs3/wire-types.ts'
import { accept_stat } from '../../src/protocols/rpc/rpc-message.ts'
import { nfs3 } from '../client/nfs3-client.ts'
import {
  authSys,
  decodeReply,
  decodeResult,
  encodeCall,
  type Procedure,
  type Reply,
} from '../client/rpc-call.ts'
import type { RpcClient } from '../client/rpc-client.ts'
import { nameOf } from '../client/rpc-error.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { damaged } from './damage.ts'
import { ROOT } from './session.ts'

export const FRAMES = 2000
const AT_ONCE = 250
/** Datagrams under way, so few that no buffer on the way overflows. */
const DATAGRAMS_AT_ONCE = 40
const LATE_MILLIS = 5000
/** What a network may lose. */
const LOST_MAX = 20

export type AnyProcedure = Procedure<unknown, unknown>
/** Forgets of which type the arguments are, as a damaged message does. */
export const untyped = (procedure: unknown): AnyProcedure => procedure as AnyProcedure

export const credentials = authSys(ROOT)

export interface Target {
  readonly procedure: AnyProcedure
  readonly argsOf: (xid: number) => unknown
  /** Something in the arguments that is damaged on its own, too. */
  readonly handle: Buffer
}

/** Where the arguments begin in a call with these credentials. */
const argumentsAt = encodeCall(nfs3.null, {}, 0, credentials).length

function damagedCall(random: SeededRandom, target: Target, xid: number): Buffer {
  const { procedure, argsOf, handle } = target
  const good = encodeCall(procedure, argsOf(xid), xid, credentials)
  return damaged(random, good, argumentsAt, handle)
}

/** What a reply to a damaged call may be: a result that decodes, or GARBAGE_ARGS. */
function assertProper({ procedure }: Target, { header, body }: Reply): string {
  assert.equal(header.reply.stat, 0, 'accepted')
  const { stat } = (header.reply as { reply_data: { stat: number } }).reply_data
  const name = nameOf(accept_stat, stat)
  if (name === 'GARBAGE_ARGS') return name
  assert.equal(name, 'SUCCESS')
  const result = decodeResult(procedure, body) as { readonly status?: number }
  if (result.status === undefined) return JSON.stringify(result)
  const status = nameOf(nfsstat3, result.status)
  assert.match(status, /^NFS3/)
  assert.notEqual(status, 'NFS3ERR_SERVERFAULT')
  return status
}

/** Damage must not be so bad, nor so slight, that all calls end alike. */
function assertVaried({ procedure, argsOf }: Target, outcomes: ReadonlySet<string>): void {
  const whole = encodeCall(procedure, argsOf(0), 0, credentials).length
  if (whole > argumentsAt) assert.ok(outcomes.size > 1, [...outcomes].join())
}

/** Over TCP: each is answered, once. */
export async function bombard(rpc: RpcClient, random: SeededRandom, target: Target): Promise<void> {
  const outcomes = new Set<string>()
  for (let sent = 0; sent < FRAMES; sent += AT_ONCE) {
    const frames = Array.from({ length: AT_ONCE }, () => damagedCall(random, target, rpc.takeXid()))
    const replies = await Promise.all(frames.map((frame) => rpc.exchange(frame)))
    for (const reply of replies) outcomes.add(assertProper(target, reply))
  }
  assert.deepEqual(rpc.strays, [], 'each call is answered once')
  assertVaried(target, outcomes)
}

/** Over UDP: each is answered, at most once, but for what a network may lose. */
export async function bombardDatagrams(
  port: number,
  random: SeededRandom,
  target: Target,
): Promise<void> {
  const socket = createSocket('udp4')
  const missing = new Set<number>()
  const outcomes = new Set<string>()
  let [failure, arrived]: [unknown, () => void] = [undefined, () => undefined]
  socket.on('message', (bytes) => {
    try {
      const reply = decodeReply(bytes)
      assert.ok(missing.delete(reply.header.xid), 'answers a call that was sent, once')
      outcomes.add(assertProper(target, reply))
    } catch (error) {
      failure ??= error
    }
    if (missing.size === 0) arrived()
  })
  for (let sent = 0; sent < FRAMES; sent += DATAGRAMS_AT_ONCE) {
    const all = new Promise<void>((resolve) => {
      arrived = resolve
    })
    for (let xid = sent + 1; xid <= sent + DATAGRAMS_AT_ONCE; xid++) {
      missing.add(xid)
      socket.send(damagedCall(random, target, xid), port, '127.0.0.1')
    }
    const late = setTimeout(arrived, LATE_MILLIS)
    await all
    clearTimeout(late)
    assert.ok(missing.size <= LOST_MAX, `${missing.size} calls have no answer`)
  }
  socket.close()
  if (failure !== undefined) throw failure
  assertVaried(target, outcomes)
}
