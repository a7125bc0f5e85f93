import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compile } from '../../src/wire/compile.ts'
import { Reader } from '../../src/wire/reader.ts'
import * as xdr from '../../src/wire/schema.ts'
import { WireError } from '../../src/wire/wire-error.ts'
import { Writer } from '../../src/wire/writer.ts'
import { codecLaws, encoded } from './codec-laws.ts'

const Color = { red: 0, green: 1, blue: 7 } as const
const Time = xdr.struct('time', { seconds: xdr.u32, nseconds: xdr.u32 })
const Everything = xdr.struct('everything', {
  a: xdr.u32,
  b: xdr.i32,
  big: xdr.u64,
  size: xdr.uint53,
  flag: xdr.bool,
  at: Time,
  color: xdr.enumOf('color', Color),
  handle: xdr.opaque(64),
  name: xdr.byteString(255),
  note: xdr.text(100),
  verf: xdr.fixed(7),
  times: xdr.array(Time, 10),
  nested: xdr.array(xdr.array(xdr.u32, 3), 3),
  entries: xdr.list(xdr.struct('entry', { id: xdr.uint53, name: xdr.byteString(255) }), 100),
  maybe: xdr.optional(Time),
})
const Result = xdr.union(
  'result',
  'status',
  Color,
  { 0: xdr.struct('ok', { count: xdr.u32, next: xdr.optional(xdr.uint53) }), 1: xdr.nothing },
  xdr.struct('fail', { why: xdr.byteString(20) }),
)
const Closed = xdr.union('closed', 'how', Color, { 0: Time, 7: xdr.nothing })
const Little = xdr.struct('little', {
  structureSize: xdr.le.u16,
  kind: xdr.le.u8,
  reserved: xdr.le.u8,
  name: xdr.le.referred(64, { offset: 2, length: 2 }),
  contexts: xdr.le.referred(64, { offset: 4, length: 4, align: 8 }),
  data: xdr.le.referred(64, { offset: 1, gap: 1, length: 4 }),
  id: xdr.le.u64,
  offset: xdr.le.uint53,
  flags: xdr.le.u32,
  guid: xdr.le.raw(16),
})

const Row = xdr.struct('row', { size: xdr.varuint, at: xdr.u32, name: xdr.varstring })
const everything = compile(Everything)
const result = compile(Result)
const closed = compile(Closed)
const little = compile(Little)

codecLaws([
  everything,
  result,
  closed,
  little,
  compile(Time),
  compile(Row),
  compile(xdr.array(Result, 5)),
])

describe('XDR', () => {
  test('is what RFC 4506 says', () => {
    const Sample = xdr.struct('sample', { n: xdr.i32, name: xdr.byteString(9), h: xdr.uint53 })
    const bytes = encoded(compile(Sample), { n: -2, name: 'abcde', h: 2 ** 40 + 3 })
    assert.equal(bytes.toString('hex'), 'fffffffe000000056162636465000000000001000000' + '0003')
  })

  test('a count is held against its limit and against the message before anything is made', () => {
    const many = compile(xdr.array(xdr.u32, 1 << 30))
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32BE(1 << 29)
    assert.throws(() => many.decode(new Reader(bytes)), /message ends early/)
    bytes.writeUInt32BE(0xffffffff)
    assert.throws(() => many.decode(new Reader(bytes)), /over the limit/)
  })

  test('a list stops at its limit', () => {
    const few = compile(xdr.list(xdr.u32, 2))
    const three = compile(xdr.list(xdr.u32, 3))
    assert.throws(() => few.decode(new Reader(encoded(three, [1, 2, 3]))), WireError)
    assert.throws(() => encoded(few, [1, 2, 3]), WireError)
  })

  test('an unknown enum value or union arm is refused', () => {
    const color = compile(xdr.enumOf('color', Color))
    assert.throws(() => color.decode(new Reader(Buffer.from([0, 0, 0, 2]))), /color/)
    assert.throws(() => closed.decode(new Reader(Buffer.from([0, 0, 0, 1]))), /closed/)
    assert.throws(() => result.decode(new Reader(Buffer.from([0, 0, 0, 9]))), /result/)
  })

  test('a boolean is 0 or 1, also where it says whether something follows', () => {
    for (const schema of [xdr.bool, xdr.optional(xdr.u32), xdr.list(xdr.u32, 3)]) {
      const codec = compile<unknown>(schema)
      for (const word of [2, 8, 0x100, 0x80000000, 0xffffffff]) {
        const bytes = Buffer.alloc(12)
        bytes.writeUInt32BE(word)
        assert.throws(() => codec.decode(new Reader(bytes)), /bool: no such value/)
      }
    }
    const flag = compile(xdr.bool)
    assert.equal(flag.decode(new Reader(Buffer.from([0, 0, 0, 1]))), true)
    assert.equal(flag.decode(new Reader(Buffer.from([0, 0, 0, 0]))), false)
  })

  test('a 64-bit value above 2^53-1 never aliases a smaller one', () => {
    const size = compile(xdr.uint53)
    for (const v of [1n << 53n, (1n << 53n) + 1n, (1n << 63n) + 7n, (1n << 64n) - 1n]) {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64BE(v)
      assert.ok(size.decode(new Reader(bytes)) > Number.MAX_SAFE_INTEGER)
    }
  })

  test('names of any bytes survive', () => {
    const name = compile(xdr.byteString(255))
    const bytes = Buffer.from([0xff, 0xfe, 0x80, 0x2e, 0x01])
    const decoded = name.decode(new Reader(encoded(name, bytes.toString('latin1'))))
    assert.deepEqual(Buffer.from(decoded, 'latin1'), bytes)
  })

  test('types are inferred', () => {
    const r = result.decode(new Reader(Buffer.from([0, 0, 0, 7, 0, 0, 0, 0])))
    if (r.status === 0) assert.ok(r.count >= 0)
    else if (r.status === 7) assert.equal(r.why, '')
    else assert.equal(r.status, 1)
    // @ts-expect-error color is a closed set
    encoded(compile(xdr.enumOf('color', Color)), 5)
  })
})

describe('little-endian', () => {
  const value = {
    structureSize: 57,
    kind: 1,
    reserved: 0,
    name: Buffer.from('name'),
    contexts: Buffer.from('ctx'),
    data: Buffer.alloc(0),
    id: 5n,
    offset: 2 ** 33,
    flags: 3,
    guid: Buffer.alloc(16, 9),
  }

  test('offsets count from the start of the message, behind a header', () => {
    const w = new Writer(256)
    w.take(12)
    w.base = 8
    little.encode(w, value)
    const nameOffset = w.view.getUint16(12 + 4, true)
    assert.equal(w.bytes.toString('latin1', 8 + nameOffset, 8 + nameOffset + 4), 'name')
    const contextsOffset = w.view.getUint32(12 + 8, true)
    assert.equal(contextsOffset % 8, 0)
    const r = new Reader(w.written())
    r.pos = 12
    r.base = 8
    assert.equal(little.decode(r).contexts.toString(), 'ctx')
  })

  test('an offset into the fixed part or past the end is refused', () => {
    const bytes = encoded(little, value)
    for (const bad of [0, 3, bytes.length - 2, 0xffff]) {
      const damaged = Buffer.from(bytes)
      damaged.writeUInt16LE(bad, 4)
      assert.throws(() => little.decode(new Reader(damaged)), WireError)
    }
  })
})

describe('Writer', () => {
  test('grows up to its limit and keeps what was written', () => {
    const w = new Writer(8, 64)
    for (let i = 0; i < 16; i++) w.u32(i)
    assert.equal(w.written().readUInt32BE(60), 15)
    assert.throws(() => w.u32(16), WireError)
  })

  test('detach hands the bytes over', () => {
    const w = new Writer(16)
    w.u32(1)
    const first = w.detach()
    w.u32(2)
    assert.equal(first.readUInt32BE(0), 1)
    assert.equal(w.written().readUInt32BE(0), 2)
  })
})
