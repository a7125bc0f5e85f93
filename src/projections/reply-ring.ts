import { CALLS_HELD_MAX } from '../platform/limits.ts'

/** As many as one connection can leave behind without an answer. */
const CALLS_MAX = CALLS_HELD_MAX
/** Of calls that do not say which machine they come from, as in the records of earlier versions. */
const NAMELESS_CALLS_MAX = 512
const CALLS_MIN = 16
/** Bytes of a call in the store, and in memory. */
const CALL = 16
/** What a ring takes beside its calls, in calls. */
const OVERHEAD = 48

/** The calls of one machine that left a record, the last so many. It grows as they come. */
export class ReplyRing {
  /** The last call's record. */
  lastSeq = 0
  /** Whether the store need not have it as it is. */
  changed = false
  private readonly limit: number
  private xids = new Uint32Array(CALLS_MIN)
  private checksums = new Uint32Array(CALLS_MIN)
  private seqs = new Float64Array(CALLS_MIN)
  private next = 0
  private count = 0

  constructor(machine: number) {
    this.limit = machine === 0 ? NAMELESS_CALLS_MAX : CALLS_MAX
  }

  /** Memory that it takes, in calls of 16 bytes. */
  get weight(): number {
    return this.xids.length + OVERHEAD
  }

  add(xid: number, checksum: number, seq: number): void {
    const at = this.next
    this.xids[at] = xid
    this.checksums[at] = checksum
    this.seqs[at] = seq
    this.lastSeq = seq
    if (this.count < this.xids.length) this.count += 1
    this.next = at + 1
    if (this.next < this.xids.length) return
    if (this.next < this.limit) this.grow()
    else this.next = 0
  }

  private grow(): void {
    const { xids, checksums, seqs } = this
    const size = Math.min(this.limit, 2 * xids.length)
    this.xids = new Uint32Array(size)
    this.checksums = new Uint32Array(size)
    this.seqs = new Float64Array(size)
    this.xids.set(xids)
    this.checksums.set(checksums)
    this.seqs.set(seqs)
  }

  /** The record of the newest such call, or 0. */
  find(xid: number, checksum: number): number {
    const { xids, checksums, seqs } = this
    let seq = 0
    // Calls of one xid may be several: transports of one host count on their own.
    for (let at = xids.indexOf(xid); at !== -1; at = xids.indexOf(xid, at + 1)) {
      if (checksums[at] === checksum) seq = Math.max(seq, seqs[at] as number)
    }
    return seq
  }

  /** Oldest first, so that the bytes depend on what is remembered only. */
  encode(): Buffer {
    const bytes = Buffer.alloc(this.count * CALL)
    const first = this.count < this.xids.length ? 0 : this.next
    for (let i = 0; i < this.count; i++) {
      const slot = (first + i) % this.xids.length
      const seq = this.seqs[slot] as number
      bytes.writeUInt32BE(this.xids[slot] as number, i * CALL)
      bytes.writeUInt32BE(this.checksums[slot] as number, i * CALL + 4)
      bytes.writeUInt32BE(Math.floor(seq / 2 ** 32), i * CALL + 8)
      bytes.writeUInt32BE(seq % 2 ** 32, i * CALL + 12)
    }
    return bytes
  }

  static decode(machine: number, bytes: Buffer): ReplyRing {
    const ring = new ReplyRing(machine)
    for (let at = 0; at + CALL <= bytes.length; at += CALL) {
      const seq = bytes.readUInt32BE(at + 8) * 2 ** 32 + bytes.readUInt32BE(at + 12)
      ring.add(bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4), seq)
    }
    return ring
  }
}
