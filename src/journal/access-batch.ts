/**
 * Many accesses in one record: docs/formats/records.md, "Accesses". They are written one by one
 * into a buffer that is used again and again, since reads come by the hundred thousand a second.
 */
import type { Instant } from '../platform/clock.ts'
import { JournalFormatError } from './fields.ts'

/** What many accesses have in common. */
export interface AccessContext {
  /** operations[…] */
  readonly op: number
  readonly client: number
  /** After squashing. */
  readonly uid: number
  readonly gid: number
  readonly share: number
  /** refusals[…], or 0. */
  readonly refusal: number
}

/** An operation that changed nothing. */
export interface Access {
  readonly context: AccessContext
  readonly sec: number
  readonly nsec: number
  /** What was accessed, or the directory that `name` was looked for in. */
  readonly ino: number
  /** Bytes as a string; empty: none. */
  readonly name: string
}

export interface AccessBatch {
  readonly contexts: readonly AccessContext[]
  readonly accesses: readonly Access[]
  /** Accesses before these that were not recorded, since they came faster than could be stored. */
  readonly dropped: number
}

/** A batch is full when it holds so many accesses, or so many bytes. */
export const ACCESSES_MAX = 2048
export const ACCESS_BYTES_MAX = 64 * 1024

const VERSION = 1
/** Longer names are of no file; what was asked for is told by its beginning. */
const NAME_KEPT = 1024
/** Eleven integers of up to eight bytes, and a name. */
const ENTRY_MAX = 11 * 8 + NAME_KEPT
const FIELDS = 6
/** A power of two. */
const SLOTS = 64
const SECOND = 1_000_000_000

export class AccessBatchWriter {
  private readonly bytes = Buffer.allocUnsafeSlow(ACCESS_BYTES_MAX + ENTRY_MAX)
  private at = 0
  /** Accesses that it holds. */
  count = 0
  /**
   * Contexts that were written, by a hash of what they are; one that is missed is written again.
   */
  private readonly contexts = new Float64Array(SLOTS * FIELDS)
  private readonly numbers = new Int32Array(SLOTS)
  private contextCount = 0
  private sec = 0
  private nsec = 0
  private ino = 0

  constructor() {
    this.clear(0)
  }

  /** Begins a batch. */
  clear(dropped: number): void {
    this.at = 0
    this.count = 0
    this.contextCount = 0
    this.numbers.fill(-1)
    this.ino = 0
    this.put(VERSION)
    this.put(dropped)
  }

  get full(): boolean {
    return this.count >= ACCESSES_MAX || this.at >= ACCESS_BYTES_MAX
  }

  /** A copy of what was written. */
  taken(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.at))
  }

  /** Times must not go back. Not when it is full. `op` and `refusal` are codes, 0 for none. */
  add(
    { sec, nsec }: Instant,
    op: number,
    client: number,
    { uid, gid }: Pick<AccessContext, 'uid' | 'gid'>,
    share: number,
    refusal: number,
    ino: number,
    name: string,
  ): void {
    this.putContext(op, client, uid, gid, share, refusal)
    if (this.count > 0) this.put((sec - this.sec) * SECOND + nsec - this.nsec)
    else this.put(0)
    this.sec = sec
    this.nsec = nsec
    const step = ino - this.ino
    this.put(step < 0 ? -2 * step - 1 : 2 * step)
    this.ino = ino
    const length = Math.min(name.length, NAME_KEPT)
    this.put(length)
    if (length > 0) this.at += this.bytes.latin1Write(name, this.at, length)
    this.count += 1
  }

  private putContext(
    op: number,
    client: number,
    uid: number,
    gid: number,
    share: number,
    refusal: number,
  ): void {
    const { contexts } = this
    const slot = (op * 7 + client * 31 + uid * 17 + share * 3 + refusal) & (SLOTS - 1)
    const at = slot * FIELDS
    const number = this.numbers[slot] as number
    if (
      number >= 0 &&
      contexts[at] === op &&
      contexts[at + 1] === client &&
      contexts[at + 2] === uid &&
      contexts[at + 3] === gid &&
      contexts[at + 4] === share &&
      contexts[at + 5] === refusal
    ) {
      this.put(number)
      return
    }
    this.put(this.contextCount)
    this.numbers[slot] = this.contextCount
    this.contextCount += 1
    contexts[at] = op
    contexts[at + 1] = client
    contexts[at + 2] = uid
    contexts[at + 3] = gid
    contexts[at + 4] = share
    contexts[at + 5] = refusal
    for (let i = at; i < at + FIELDS; i++) this.put(contexts[i] as number)
  }

  /** An integer up to 2^53 - 1, seven bits a byte, the lowest first. */
  private put(value: number): void {
    const { bytes } = this
    let rest = value
    while (rest >= 0x80) {
      bytes[this.at++] = (rest & 0x7f) | 0x80
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80)
    }
    bytes[this.at++] = rest
  }
}

class Cursor {
  readonly bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get ended(): boolean {
    return this.at === this.bytes.length
  }

  integer(): number {
    let [value, scale] = [0, 1]
    for (;;) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) throw new JournalFormatError('accesses: cut off')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 0x80
    }
    if (!Number.isSafeInteger(value)) throw new JournalFormatError('accesses: integer expected')
    return value
  }

  text(length: number): string {
    const end = this.at + length
    if (end > this.bytes.length) throw new JournalFormatError('accesses: cut off')
    const text = this.bytes.latin1Slice(this.at, end)
    this.at = end
    return text
  }
}

/** `first`: the time of the first one, which its record has. Throws JournalFormatError. */
export function unpackAccesses(bytes: Buffer, first: Instant): AccessBatch {
  const cursor = new Cursor(bytes)
  const version = cursor.integer()
  if (version !== VERSION) throw new JournalFormatError(`accesses version ${version} is not known`)
  const dropped = cursor.integer()
  const accesses: Access[] = []
  const contexts: AccessContext[] = []
  let { sec, nsec } = first
  let ino = 0
  while (!cursor.ended) {
    const number = cursor.integer()
    if (number === contexts.length) contexts.push(contextAt(cursor))
    const context = contexts[number]
    if (context === undefined) throw new JournalFormatError(`accesses: no context ${number}`)
    nsec += cursor.integer()
    sec += Math.floor(nsec / SECOND)
    nsec %= SECOND
    const step = cursor.integer()
    ino += step % 2 === 0 ? step / 2 : -(step + 1) / 2
    const name = cursor.text(cursor.integer())
    accesses.push({ context, sec, nsec, ino, name })
  }
  return { contexts, accesses, dropped }
}

function contextAt(cursor: Cursor): AccessContext {
  const op = cursor.integer()
  const client = cursor.integer()
  const uid = cursor.integer()
  const gid = cursor.integer()
  const share = cursor.integer()
  const refusal = cursor.integer()
  return { op, client, uid, gid, share, refusal }
}
