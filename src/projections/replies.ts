/**
 * The reply cache as a projection: which non-idempotent calls of whom are in the journal, and
 * where. A call that comes again, also behind a crash, is answered from the record that its first
 * coming left. Each machine has a ring of its own, so that one cannot push out another's:
 * docs/decisions/reply-cache.md.
 */
import type { JournalRecord } from '../journal/record.ts'
import type { Store, StoreMap, StoreWriter } from '../store/store.ts'
import type { Digest } from './digest.ts'
import { hashRow } from './digest.ts'
import { ReplyRing } from './reply-ring.ts'
import { copyRow, groupOfKey, putGroup } from './row-codec.ts'

/** Machines remembered behind one address: beyond it the one that was idle longest goes. */
const MACHINES_MAX = 64
/** What all rings may weigh together: 16 MiB. Beyond it the client idle longest gives way. */
const WEIGHT_MAX = 1 << 20
/** Without a machine, or with it. */
const [CLIENT_KEY, MACHINE_KEY] = [8, 12]
const LAST_KEY = Buffer.alloc(MACHINE_KEY + 1, 0xff)

export const REPLIES_TABLE = { name: 'replies', id: 9 } as const
const { name: TABLE, id: TABLE_ID } = REPLIES_TABLE

/** A call as it is told from others. `machine`: 0 where it does not say which. */
export interface CallId {
  readonly client: number
  readonly machine: number
  readonly xid: number
  readonly checksum: number
}

/** Rings by machine, the one that was idle longest first. */
type Machines = Map<number, ReplyRing>

/** A ring that the store need not have as it is now. */
interface Changed {
  readonly client: number
  readonly machine: number
  /** Of one that is gone: the record that it went with. */
  readonly seq: number
}

function keyOf({ client, machine }: Changed): Buffer {
  const key = Buffer.alloc(machine === 0 ? CLIENT_KEY : MACHINE_KEY)
  putGroup(key, client)
  if (machine !== 0) key.writeUInt32BE(machine, CLIENT_KEY)
  return key
}

export class Replies {
  /** The one that was idle longest first. */
  private readonly clients = new Map<number, Machines>()
  private readonly changed = new Map<string, Changed>()
  private readonly stored: StoreMap
  private newest: ReplyRing | undefined
  private weight = 0

  constructor(store: Store) {
    this.stored = store.map(TABLE)
    const found = []
    for (const { key, value } of this.stored.range(Buffer.alloc(CLIENT_KEY), LAST_KEY)) {
      const machine = key.length === CLIENT_KEY ? 0 : key.readUInt32BE(CLIENT_KEY)
      found.push({ client: groupOfKey(key), machine, ring: ReplyRing.decode(machine, value) })
    }
    found.sort((a, b) => a.ring.lastSeq - b.ring.lastSeq)
    for (const { client, machine, ring } of found) {
      this.use(client, machine, ring)
      this.weight += ring.weight
    }
  }

  /** The record that answered this call before, or 0. */
  find({ client, machine, xid, checksum }: CallId): number {
    const machines = this.clients.get(client)
    if (machines === undefined) return 0
    const seq = machines.get(machine)?.find(xid, checksum) ?? 0
    if (seq !== 0 || machine === 0) return seq
    // Records of earlier versions do not say which machine it was.
    return machines.get(0)?.find(xid, checksum) ?? 0
  }

  fold({ origin, seq }: JournalRecord): void {
    const { client, machine = 0, xid, checksum } = origin
    if (client === 0 || checksum === 0) return
    let ring = this.clients.get(client)?.get(machine)
    if (ring === undefined) {
      ring = new ReplyRing(machine)
      this.weight += ring.weight
    }
    this.use(client, machine, ring)
    this.weight -= ring.weight
    ring.add(xid, checksum, seq)
    this.weight += ring.weight
    if (!ring.changed) this.change({ client, machine, seq })
    ring.changed = true
    this.keepBounds(client, seq)
  }

  /** The ring becomes the newest. */
  private use(client: number, machine: number, ring: ReplyRing): void {
    if (ring === this.newest) return
    this.newest = ring
    const machines: Machines = this.clients.get(client) ?? new Map()
    machines.delete(machine)
    machines.set(machine, ring)
    this.clients.delete(client)
    this.clients.set(client, machines)
  }

  /** What goes depends on the records alone: everybody who folds them forgets the same. */
  private keepBounds(client: number, seq: number): void {
    const machines = this.clients.get(client) as Machines
    if (machines.size > MACHINES_MAX) this.dropOldest(client, machines, seq)
    while (this.weight > WEIGHT_MAX) {
      const [idle] = this.clients
      if (idle === undefined) break
      this.dropOldest(idle[0], idle[1], seq)
    }
  }

  private dropOldest(client: number, machines: Machines, seq: number): void {
    for (const [machine, ring] of machines) {
      this.drop(client, machine, ring, seq)
      machines.delete(machine)
      break
    }
    if (machines.size === 0) this.clients.delete(client)
  }

  private drop(client: number, machine: number, ring: ReplyRing, seq: number): void {
    this.weight -= ring.weight
    if (ring === this.newest) this.newest = undefined
    this.change({ client, machine, seq })
  }

  private change(changed: Changed): void {
    this.changed.set(`${changed.client}/${changed.machine}`, changed)
  }

  /** With record `seq`. */
  forget(client: number, seq: number): void {
    const machines = this.clients.get(client)
    if (machines === undefined) return
    for (const [machine, ring] of machines) this.drop(client, machine, ring, seq)
    this.clients.delete(client)
  }

  private ringOf({ client, machine }: Changed): ReplyRing | undefined {
    return this.clients.get(client)?.get(machine)
  }

  flushTo(writer: StoreWriter, digests: (share: number) => Digest): void {
    const digest = digests(0)
    this.digestInto(() => digest)
    for (const changed of this.changed.values()) {
      const ring = this.ringOf(changed)
      if (ring === undefined) writer.remove(TABLE, keyOf(changed))
      else writer.put(TABLE, keyOf(changed), ring.encode())
    }
  }

  digestInto(digests: (share: number) => Digest): void {
    const digest = digests(0)
    for (const changed of this.changed.values()) {
      const key = keyOf(changed)
      const stored = this.stored.get(key)
      if (stored !== undefined) digest.subtract(hashRow(TABLE_ID, key, copyRow(stored)))
      const ring = this.ringOf(changed)
      if (ring !== undefined) digest.add(hashRow(TABLE_ID, key, ring.encode()))
    }
  }

  onFlushed(flushed: number): void {
    for (const [key, changed] of this.changed) {
      const ring = this.ringOf(changed)
      if ((ring?.lastSeq ?? changed.seq) > flushed) continue
      if (ring !== undefined) ring.changed = false
      this.changed.delete(key)
    }
  }
}
