import { createmode3 } from '../../src/protocols/nfs3/procedures/create.ts'
import type { stable_how } from '../../src/protocols/nfs3/procedures/write.ts'
import { nfs3, sattr } from '../../test/client/nfs3-client.ts'
import type { Credentials } from '../../test/client/rpc-call.ts'
import { argsAt, callRecord, opaqueSize, putU64, putXid } from './call-record.ts'
import type { CallSource } from './call-source.ts'
import type { Random } from './random.ts'
import { VERDICT_BYTES } from './reply-verdict.ts'

/** Ready-made records of which one is picked at random: GETATTR, LOOKUP, ACCESS. */
export class PickedCalls implements CallSource {
  readonly size: number
  readonly leastReply = VERDICT_BYTES
  private readonly records: readonly Buffer[]
  private readonly random: Random

  constructor(records: readonly Buffer[], random: Random) {
    this.records = records
    this.random = random
    this.size = records.reduce((most, { length }) => Math.max(most, length), 0)
  }

  put(out: Buffer, at: number, xid: number): number {
    const record = this.records[this.random.below(this.records.length)]!
    out.set(record, at)
    putXid(out, at, xid)
    return at + record.length
  }
}

/** READ of `count` bytes, at the offsets that `nextOffset` gives. */
export class ReadCalls implements CallSource {
  readonly size: number
  readonly leastReply: number
  private readonly template: Buffer
  private readonly offsetAt: number
  private readonly nextOffset: () => number

  constructor(file: Buffer, count: number, nextOffset: () => number, credentials: Credentials) {
    this.template = callRecord(nfs3.read, { file, offset: 0, count }, credentials)
    this.offsetAt = argsAt(credentials) + opaqueSize(file)
    this.size = this.template.length
    this.leastReply = VERDICT_BYTES + count
    this.nextOffset = nextOffset
  }

  put(out: Buffer, at: number, xid: number): number {
    out.set(this.template, at)
    putXid(out, at, xid)
    putU64(out, at + this.offsetAt, this.nextOffset())
    return at + this.size
  }
}

/**
 * Bytes to write, never the same twice: a server that stores equal blocks once must not gain from
 * what the generator happens to send. Slices start at every multiple of four in random data.
 */
export class Payloads {
  private readonly pool: Buffer
  private at = 0

  constructor(random: Random, bytes: number) {
    this.pool = random.fill(Buffer.allocUnsafeSlow(bytes))
  }

  /** A slice that lies elsewhere than the ones before it. */
  next(size: number): Buffer {
    // Far enough on that neighbouring slices share nothing; odd words, so that passes differ.
    this.at = (this.at + size + 4) % (this.pool.length - size)
    this.at &= ~3
    return this.pool.subarray(this.at, this.at + size)
  }
}

type StableHow = (typeof stable_how)[keyof typeof stable_how]

export interface WriteTarget {
  readonly file: Buffer
  readonly count: number
  readonly stable: StableHow
}

/** Small WRITEs: the data is copied into the send buffer, behind the call. */
export class WriteCalls implements CallSource {
  readonly size: number
  readonly leastReply = VERDICT_BYTES
  private readonly head: Buffer
  private readonly offsetAt: number
  private readonly count: number
  private readonly nextOffset: () => number
  private readonly payloads: Payloads

  constructor(
    target: WriteTarget,
    nextOffset: () => number,
    payloads: Payloads,
    credentials: Credentials,
  ) {
    this.head = writeHead(target, credentials)
    this.offsetAt = argsAt(credentials) + opaqueSize(target.file)
    this.count = target.count
    this.size = this.head.length + target.count
    this.nextOffset = nextOffset
    this.payloads = payloads
  }

  put(out: Buffer, at: number, xid: number): number {
    out.set(this.head, at)
    putXid(out, at, xid)
    putU64(out, at + this.offsetAt, this.nextOffset())
    out.set(this.payloads.next(this.count), at + this.head.length)
    return at + this.size
  }
}

/** Large WRITEs, one file from its start to its end: the data is sent from where it lies. */
export class StreamedWriteCalls implements CallSource {
  readonly size: number
  readonly leastReply = VERDICT_BYTES
  private readonly head: Buffer
  private readonly offsetAt: number
  private readonly count: number
  private readonly fileSize: number
  private readonly payloads: Payloads
  private offset = 0

  constructor(target: WriteTarget, fileSize: number, payloads: Payloads, credentials: Credentials) {
    this.head = writeHead(target, credentials)
    this.offsetAt = argsAt(credentials) + opaqueSize(target.file)
    this.count = target.count
    this.size = this.head.length
    this.fileSize = fileSize
    this.payloads = payloads
  }

  put(out: Buffer, at: number, xid: number): number {
    out.set(this.head, at)
    putXid(out, at, xid)
    putU64(out, at + this.offsetAt, this.offset)
    this.offset += this.count
    return at + this.size
  }

  payload(): Buffer {
    return this.payloads.next(this.count)
  }

  exhausted(): boolean {
    return this.offset >= this.fileSize
  }
}

/** A WRITE up to its data. Counts are multiples of four, so that no padding follows. */
function writeHead({ file, count, stable }: WriteTarget, credentials: Credentials): Buffer {
  if (count % 4 !== 0) throw new RangeError(`${count} is not a multiple of four`)
  const args = { file, offset: 0, count, stable, data: Buffer.alloc(count) }
  const record = callRecord(nfs3.write, args, credentials)
  return record.subarray(0, record.length - count)
}

const DIGITS = 8
const ZERO = 0x30
const LETTER_A = 0x61

/** CREATE of names that are new each time, over several directories in turn. */
export class CreateCalls implements CallSource {
  readonly size: number
  readonly leastReply = VERDICT_BYTES
  private readonly templates: readonly { record: Buffer; digitsAt: number }[]
  private readonly limit: number
  private made = 0

  constructor(
    dirs: readonly Buffer[],
    prefix: string,
    credentials: Credentials,
    limit = Number.POSITIVE_INFINITY,
  ) {
    this.limit = limit
    const name = prefix + '0'.repeat(DIGITS)
    this.templates = dirs.map((dir) => {
      const how = {
        mode: createmode3.UNCHECKED,
        obj_attributes: sattr({ mode: 0o644 }),
      }
      const record = callRecord(nfs3.create, { where: { dir, name }, how }, credentials)
      return { record, digitsAt: argsAt(credentials) + opaqueSize(dir) + 4 + prefix.length }
    })
    this.size = Math.max(...this.templates.map(({ record }) => record.length))
  }

  put(out: Buffer, at: number, xid: number): number {
    const number = this.made++
    const { record, digitsAt } = this.templates[number % this.templates.length]!
    out.set(record, at)
    putXid(out, at, xid)
    for (let digit = 0, rest = number; digit < DIGITS; digit++, rest >>>= 4) {
      const value = rest & 15
      out[at + digitsAt + DIGITS - 1 - digit] = value < 10 ? ZERO + value : LETTER_A + value - 10
    }
    return at + record.length
  }

  exhausted(): boolean {
    return this.made >= this.limit
  }
}
