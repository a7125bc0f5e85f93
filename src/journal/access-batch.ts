/** Many accesses in one record, as they are read: docs/formats/records.md, "Accesses". */
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

/** An operation that changed nothing, or several that were the same. */
export interface Access {
  readonly context: AccessContext
  /** Of the first one. */
  readonly sec: number
  readonly nsec: number
  /** What was accessed, or the directory that `name` was looked for in. */
  readonly ino: number
  /** Bytes as a string; empty: none. */
  readonly name: string
  /** Not there: it stands for one. */
  readonly repeated?: Repeated
}

export interface Repeated {
  /** 2 at least. */
  readonly times: number
  readonly last: Instant
}

export interface AccessBatch {
  readonly accesses: readonly Access[]
  /** Accesses before these that were not recorded, since they came faster than could be stored. */
  readonly dropped: number
}

/**
 * A batch is full when it holds so many that differ, or so many bytes without their repetitions.
 */
export const ACCESSES_MAX = 4096
export const ACCESS_BYTES_MAX = 128 * 1024

/** Batches of version 1 tell of each access by itself. */
export const BATCH_VERSION = 2
/** Longer names are of no file; what was asked for is told by its beginning. */
export const NAME_KEPT = 1024
const SECOND = 1_000_000_000

interface Repeats {
  /** Its number, from 0. */
  readonly entry: number
  readonly times: number
  /** Nanoseconds from the first one to the last. */
  readonly after: number
}

/**
 * Goes through a packed batch, one entry after the other, and makes no objects for them. How often
 * each was repeated it leaves aside.
 */
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
  /** Of the entries. */
  private readonly end: number
  /** Where each begins and ends; the first one is none. */
  private readonly names = [0, 0]

  /** `first`: the time of the first one, which its record has. Throws JournalFormatError. */
  constructor(bytes: Buffer, { sec, nsec }: Instant) {
    this.bytes = bytes
    this.sec = sec
    this.nsec = nsec
    const version = this.integer()
    if (version !== 1 && version !== BATCH_VERSION) {
      throw new JournalFormatError(`accesses version ${version} is not known`)
    }
    this.dropped = this.integer()
    const length = version === 1 ? bytes.length - this.at : this.integer()
    this.end = this.at + length
    if (this.end > bytes.length) throw new JournalFormatError('accesses: cut off')
  }

  /** False: there was none left. Throws JournalFormatError. */
  next(): boolean {
    if (this.at >= this.end) return this.over()
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

  private over(): false {
    if (this.at > this.end) throw new JournalFormatError('accesses: cut off')
    return false
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
    if (this.nameEnd > this.end) throw new JournalFormatError('accesses: cut off')
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

  /** Behind the last entry: those that stand for several. Throws JournalFormatError. */
  *repeats(): Iterable<Repeats> {
    for (let entry = 0; this.at < this.bytes.length; entry++) {
      entry += this.integer()
      const times = this.integer() + 2
      yield { entry, times, after: this.integer() }
    }
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
  for (const { entry, times, after } of reader.repeats()) {
    const access = accesses[entry]
    if (access === undefined) throw new JournalFormatError(`accesses: none is number ${entry}`)
    accesses[entry] = { ...access, repeated: { times, last: later(access, after) } }
  }
  return { accesses, dropped: reader.dropped }
}

function later({ sec, nsec }: Instant, nanoseconds: number): Instant {
  const sum = nsec + nanoseconds
  return { sec: sec + Math.floor(sum / SECOND), nsec: sum % SECOND }
}
