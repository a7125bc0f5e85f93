/** Results that break the rules are our fault, not the caller's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dispatcher, ProgramTable } from '../../../src/protocols/rpc/dispatcher.ts'
import { type Caller, type Procedure, programOf } from '../../../src/protocols/rpc/program.ts'
import { ReplyWriter } from '../../../src/protocols/rpc/reply-writer.ts'
import { accept_stat } from '../../../src/protocols/rpc/rpc-message.ts'
import { compile } from '../../../src/wire/compile.ts'
import * as xdr from '../../../src/wire/schema.ts'
import { authNone, decodeReply, encodeCall } from '../../client/rpc-call.ts'

const PROGRAM = 300_000
const MARK = 4
const word = compile(xdr.struct('word', { word: xdr.u32 }))
const few = compile(xdr.struct('few', { status: xdr.u32, bytes: xdr.opaque(8) }))

/** Results of so many bytes as its argument says; eight at most, by its schema. */
const procedure: Procedure = {
  number: 1,
  name: 'FEW',
  serve: (reader, _, w) => {
    const size = word.decode(reader).word
    few.encode(w, { status: 0, bytes: Buffer.alloc(size) })
    return 0
  },
}

function answered(size: number | undefined): { readonly stat: number; readonly faults: string[] } {
  const faults: string[] = []
  const caller: Caller = {
    ...{ address: '127.0.0.1', port: 700, local: '127.0.0.1', transport: 'tcp', client: 1 },
    permits: new Map(),
  }
  const table = new ProgramTable([programOf(PROGRAM, 1, 'test', [procedure])])
  const dispatcher = new Dispatcher(table, caller, (error) => faults.push(String(error)))
  const called = { name: 'FEW', program: PROGRAM, version: 1, number: 1, args: word }
  const whole = encodeCall(called, { word: size ?? 0 }, 5, authNone)
  const message = size === undefined ? whole.subarray(0, -4) : whole
  const w = new ReplyWriter(4096)
  w.begin()
  dispatcher.dispatch(message, 0, message.length, w)
  w.end()
  const { reply } = decodeReply(Buffer.from(w.written(MARK))).header
  assert.ok(reply.stat === 0)
  return { stat: reply.reply_data.stat, faults }
}

test('results within the rules, arguments that are not, results that are not', () => {
  assert.deepEqual(answered(8), { stat: accept_stat.SUCCESS, faults: [] })
  assert.deepEqual(answered(undefined), { stat: accept_stat.GARBAGE_ARGS, faults: [] })
  const { stat, faults } = answered(9)
  assert.equal(stat, accept_stat.SYSTEM_ERR)
  assert.match(faults.join(), /length 9/)
})
