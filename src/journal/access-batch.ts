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
  readonly accesses: readonly Access[]
  /** Accesses before these that were not recorded, since they came faster than could be stored. */
  readonly dropped: number
}

/** A batch is full when it holds so many accesses, or so many bytes. */
export const ACCESSES_MAX = 4096
export const ACCESS_BYTES_MAX = 128 * 1024

const VERSION = 1
/** Longer names are of no file; what was asked for is told by its beginning. */
const NAME_KEPT = 1024
/** Copied here: a call into the runtime takes longer. */
const SHORT_NAME = 48
/** Eleven integers of up to eight bytes, and a name. */
const ENTRY_MAX = 11 * 8 + NAME_KEPT
const FIELDS = 6
/** A power of two. */
const SLOTS = 64
/** A power of two. */
const NAMES = 512
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
  /** The same of names, by a cheap hash; numbered from 1. */
  private readonly names = new Array<string>(NAMES).fill('')
  private readonly nameNumbers = new Int32Array(NAMES)
  private nameCount = 0
  private sec = 0
  private nsec = 0
  private ino = 0

  constructor() {
    this.clear(0)
  }

  /** Begins a batch. */
  clear(dropped: number): void {
    this.count = 0
    this.contextCount = 0
    this.numbers.fill(-1)
    this.names.fill('')
    this.nameCount = 0
    this.ino = 0
    this.at = put(this.bytes, 0, VERSION)
    this.at = put(this.bytes, this.at, dropped)
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
    const { bytes } = this
    let at = this.putContext(op, client, uid, gid, share, refusal)
    const since = this.count === 0 ? 0 : (sec - this.sec) * SECOND + nsec - this.nsec
    at = put(bytes, at, since)
    this.sec = sec
    this.nsec = nsec
    const step = ino - this.ino
    at = put(bytes, at, step < 0 ? -2 * step - 1 : 2 * step)
    this.ino = ino
    this.at = name === '' ? put(bytes, at, 0) : this.putName(at, name)
    this.count += 1
  }

  /** Returns where to go on. Names that were met a moment ago are named by their number. */
  private putName(from: number, name: string): number {
    const { bytes } = this
    const length = Math.min(name.length, NAME_KEPT)
    const last = name.charCodeAt(length - 1)
    const slot = (length * 61 + last * 31 + name.charCodeAt(length >> 1) * 7) & (NAMES - 1)
    if (this.names[slot] === name) return put(bytes, from, 2 * (this.nameNumbers[slot] as number))
    this.nameCount += 1
    this.names[slot] = name
    this.nameNumbers[slot] = this.nameCount
    let at = put(bytes, from, 2 * length + 1)
    if (length > SHORT_NAME) return at + bytes.latin1Write(name, at, length)
    for (let i = 0; i < length; i++) bytes[at++] = name.charCodeAt(i)
    return at
  }

  /** Returns where to go on. */
  private putContext(
    op: number,
    client: number,
    uid: number,
    gid: number,
    share: number,
    refusal: number,
  ): number {
    const { contexts, bytes } = this
    const slot = (op * 7 + client * 31 + uid * 17 + share * 3 + refusal) & (SLOTS - 1)
    let field = slot * FIELDS
    const number = this.numbers[slot] as number
    if (
      number >= 0 &&
      contexts[field] === op &&
      contexts[field + 1] === client &&
      contexts[field + 2] === uid &&
      contexts[field + 3] === gid &&
      contexts[field + 4] === share &&
      contexts[field + 5] === refusal
    ) {
      return put(bytes, this.at, number)
    }
    let at = put(bytes, this.at, this.contextCount)
    this.numbers[slot] = this.contextCount
    this.contextCount += 1
    for (const value of [op, client, uid, gid, share, refusal]) {
      contexts[field++] = value
      at = put(bytes, at, value)
    }
    return at
  }
}

/**
 * An integer up to 2^53 - 1, seven bits a byte, the lowest first. Returns where to go on.
 */
function put(bytes: Buffer, at: number, value: number): number {
  if (value < 0x80) {
    bytes[at] = value
    return at + 1
  }
  return putLong(bytes, at, value)
}

function putLong(bytes: Buffer, at: number, value: number): number {
  let [next, rest] = [at, value]
  while (rest >= 0x80) {
    bytes[next++] = (rest & 0x7f) | 0x80
    rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80)
  }
  bytes[next++] = rest
  return next
}

/** Goes through a packed batch, one access after the other, and makes no objects for them. */
export class AccessBatchReader {
  readonly dropped: number
  readonly contexts: AccessContext[] = []
  /** Of the access in hand. */
  context: AccessContext | undefined
  sec: number
  nsec: number
  ino = 0
  /** Where its name lies in `bytes`. */
  nameStart = 0
  nameEnd = 0
  readonly bytes: Buffer
  private at = 0
  /** Where each begins and ends; the first one is none. */
  private readonly names = [0, 0]

  /** `first`: the time of the first one, which its record has. Throws JournalFormatError. */
  constructor(bytes: Buffer, { sec, nsec }: Instant) {
    this.bytes = bytes
    this.sec = sec
    this.nsec = nsec
    const version = this.integer()
    if (version !== VERSION) {
      throw new JournalFormatError(`accesses version ${version} is not known`)
    }
    this.dropped = this.integer()
  }

  /** False: there was none left. Throws JournalFormatError. */
  next(): boolean {
    if (this.at === this.bytes.length) return false
    const { contexts } = this
    const number = this.integer()
    if (number === contexts.length) contexts.push(this.newContext())
    this.context = contexts[number]
    if (this.context === undefined) throw new JournalFormatError(`accesses: no context ${number}`)
    this.nsec += this.integer()
    if (this.nsec >= SECOND) {
      this.sec += Math.floor(this.nsec / SECOND)
      this.nsec %= SECOND
    }
    const step = this.integer()
    this.ino += step % 2 === 0 ? step / 2 : -(step + 1) / 2
    this.takeName(this.integer())
    return true
  }

  private takeName(code: number): void {
    if (code % 2 === 0) {
      const { nameStart, nameEnd } = this.nameNumbered(code / 2)
      this.nameStart = nameStart
      this.nameEnd = nameEnd
      return
    }
    this.nameStart = this.at
    this.nameEnd = this.at + (code - 1) / 2
    if (this.nameEnd > this.bytes.length) throw new JournalFormatError('accesses: cut off')
    this.at = this.nameEnd
    this.names.push(this.nameStart, this.nameEnd)
  }

  private nameNumbered(number: number): Pick<AccessBatchReader, 'nameStart' | 'nameEnd'> {
    const nameStart = this.names[2 * number]
    const nameEnd = this.names[2 * number + 1]
    if (nameStart === undefined || nameEnd === undefined) {
      throw new JournalFormatError(`accesses: no name ${number}`)
    }
    return { nameStart, nameEnd }
  }

  get name(): string {
    const { nameStart, nameEnd } = this
    return nameStart === nameEnd ? '' : this.bytes.latin1Slice(nameStart, nameEnd)
  }

  private newContext(): AccessContext {
    const op = this.integer()
    const client = this.integer()
    const uid = this.integer()
    const gid = this.integer()
    const share = this.integer()
    const refusal = this.integer()
    return { op, client, uid, gid, share, refusal }
  }

  private integer(): number {
    const first = this.bytes[this.at++]
    if (first !== undefined && first < 0x80) return first
    return this.longInteger(first)
  }

  private longInteger(first: number | undefined): number {
    let [byte, value, scale] = [first, 0, 1]
    for (;;) {
      if (byte === undefined) throw new JournalFormatError('accesses: cut off')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 0x80
      byte = this.bytes[this.at++]
    }
    if (!Number.isSafeInteger(value)) throw new JournalFormatError('accesses: integer expected')
    return value
  }
}

/** `first`: the time of the first one, which its record has. Throws JournalFormatError. */
export function unpackAccesses(bytes: Buffer, first: Instant): AccessBatch {
  const reader = new AccessBatchReader(bytes, first)
  const accesses: Access[] = []
  while (reader.next()) {
    const { sec, nsec, ino, name } = reader
    accesses.push({ context: reader.context as AccessContext, sec, nsec, ino, name })
  }
  return { accesses, dropped: reader.dropped }
}
