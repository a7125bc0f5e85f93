/**
 * The reply cache as a projection: which non-idempotent calls of a client are in the journal, and
 * where. A call that comes again, also behind a crash, is answered from the record that its first
 * coming left. Each client has a ring of its own, so that one cannot push out another's.
 */
import type { JournalRecord } from '../journal/record.ts'
import type { Store, StoreMap, StoreWriter } from '../store/store.ts'
import type { Digest } from './digest.ts'
import { hashRow } from './digest.ts'
import { copyRow, groupOfKey, putGroup } from './row-codec.ts'

/** Calls remembered per client: far more than it has in flight. */
const RING = 512
const ENTRY = 16
export const REPLIES_TABLE = { name: 'replies', id: 9 } as const
const { name: TABLE, id: TABLE_ID } = REPLIES_TABLE

/** Calls of one xid may be several: transports of one host count on their own. */
const callKey = (xid: number, checksum: number): number => xid * 2 ** 20 + (checksum & 0xfffff)

class Ring {
  readonly seqs = new Float64Array(RING)
  readonly checksums = new Uint32Array(RING)
  readonly xids = new Uint32Array(RING)
  next = 0
  lastSeq = 0
  private readonly byCall = new Map<number, number>()

  add(xid: number, checksum: number, seq: number): void {
    const at = this.next
    const old = callKey(this.xids[at] as number, this.checksums[at] as number)
    if (this.byCall.get(old) === at) this.byCall.delete(old)
    this.xids[at] = xid
    this.checksums[at] = checksum
    this.seqs[at] = seq
    this.byCall.set(callKey(xid, checksum), at)
    this.next = (at + 1) % RING
    this.lastSeq = seq
  }

  find(xid: number, checksum: number): number {
    const at = this.byCall.get(callKey(xid, checksum))
    if (at === undefined || this.checksums[at] !== checksum) return 0
    return this.seqs[at] as number
  }

  /** Oldest first, so that the bytes depend on what is remembered only. */
  encode(): Buffer {
    const bytes = Buffer.alloc(RING * ENTRY)
    let at = 0
    for (let i = 0; i < RING; i++) {
      const slot = (this.next + i) % RING
      const seq = this.seqs[slot] as number
      if (seq === 0) continue
      bytes.writeUInt32BE(this.xids[slot] as number, at)
      bytes.writeUInt32BE(this.checksums[slot] as number, at + 4)
      bytes.writeUInt32BE(Math.floor(seq / 2 ** 32), at + 8)
      bytes.writeUInt32BE(seq % 2 ** 32, at + 12)
      at += ENTRY
    }
    return bytes.subarray(0, at)
  }

  static decode(bytes: Buffer): Ring {
    const ring = new Ring()
    for (let at = 0; at + ENTRY <= bytes.length; at += ENTRY) {
      const seq = bytes.readUInt32BE(at + 8) * 2 ** 32 + bytes.readUInt32BE(at + 12)
      ring.add(bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4), seq)
    }
    return ring
  }
}

function keyOf(client: number): Buffer {
  const key = Buffer.alloc(8)
  putGroup(key, client)
  return key
}

export class Replies {
  private readonly rings = new Map<number, Ring>()
  private readonly changed = new Set<number>()
  private readonly stored: StoreMap

  constructor(store: Store) {
    this.stored = store.map(TABLE)
    for (const { key, value } of this.stored.range(Buffer.alloc(8), Buffer.alloc(9, 0xff))) {
      this.rings.set(groupOfKey(key), Ring.decode(value))
    }
  }

  /** The record that answered this call before, or 0. */
  find(client: number, xid: number, checksum: number): number {
    return this.rings.get(client)?.find(xid, checksum) ?? 0
  }

  fold({ origin, seq }: JournalRecord): void {
    if (origin.client === 0 || origin.checksum === 0) return
    let ring = this.rings.get(origin.client)
    if (ring === undefined) {
      ring = new Ring()
      this.rings.set(origin.client, ring)
    }
    ring.add(origin.xid, origin.checksum, seq)
    this.changed.add(origin.client)
  }

  forget(client: number): void {
    if (this.rings.delete(client)) this.changed.add(client)
  }

  flushTo(writer: StoreWriter, digests: (share: number) => Digest): void {
    const digest = digests(0)
    this.digestInto(() => digest)
    for (const client of this.changed) {
      const ring = this.rings.get(client)
      if (ring === undefined) writer.remove(TABLE, keyOf(client))
      else writer.put(TABLE, keyOf(client), ring.encode())
    }
  }

  digestInto(digests: (share: number) => Digest): void {
    const digest = digests(0)
    for (const client of this.changed) {
      const key = keyOf(client)
      const stored = this.stored.get(key)
      if (stored !== undefined) digest.subtract(hashRow(TABLE_ID, key, copyRow(stored)))
      const ring = this.rings.get(client)
      if (ring !== undefined) digest.add(hashRow(TABLE_ID, key, ring.encode()))
    }
  }

  onFlushed(flushed: number): void {
    for (const client of [...this.changed]) {
      if ((this.rings.get(client)?.lastSeq ?? 0) <= flushed) this.changed.delete(client)
    }
  }
}
