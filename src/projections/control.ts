/** The control plane as it is now: shares, users, groups, clients and what the stream is about. */
import type { IdTable } from './id-table.ts'
import type { Share } from './share.ts'

export interface User {
  readonly uid: number
  readonly name: string
  readonly gid: number
  readonly gids: readonly number[]
}

export interface Group {
  readonly gid: number
  readonly name: string
}

export interface Client {
  readonly id: number
  readonly address: string
  /** Paths of the shares it has mounted, as MOUNT's DUMP lists them. */
  readonly mounts: readonly string[]
  /** Seconds: when it was first seen. */
  readonly since: number
}

interface Stream {
  readonly epoch: number
  readonly owner: string
  /** Secret behind the check codes of file handles: bytes as a string. */
  readonly handleKey: string
  readonly nextShare: number
  readonly nextClient: number
}

const EMPTY_STREAM: Stream = { epoch: 0, owner: '', handleKey: '', nextShare: 1, nextClient: 1 }

/** Kinds of rows in the control table, which lie under kind * 2^32 + id. */
export const controlKinds = { share: 1, user: 2, group: 3, client: 4, stream: 5 } as const
export const controlId = (kind: number, id: number): number => kind * 2 ** 32 + id

/** One kind of row in the control table: JSON. */
class Kind<T> {
  private readonly table: IdTable<{ readonly text: string }>
  private readonly base: number
  private readonly parsed = new Map<number, T>()

  constructor(table: IdTable<{ readonly text: string }>, kind: number) {
    this.table = table
    this.base = controlId(kind, 0)
    for (const [id, { text }] of table.all()) {
      if (Math.floor(id / 2 ** 32) === kind) this.parsed.set(id - this.base, JSON.parse(text) as T)
    }
  }

  get(id: number): T | undefined {
    return this.parsed.get(id)
  }

  getAsOf(id: number, seq: number): T | undefined {
    const row = this.table.getAsOf(this.base + id, 0, seq)
    return row && (JSON.parse(row.text) as T)
  }

  put(id: number, value: T, seq: number): void {
    this.parsed.set(id, value)
    this.table.put(this.base + id, 0, { text: JSON.stringify(value) }, seq)
  }

  delete(id: number, seq: number): void {
    this.parsed.delete(id)
    this.table.delete(this.base + id, 0, seq)
  }

  get size(): number {
    return this.parsed.size
  }

  values(): IterableIterator<T> {
    return this.parsed.values()
  }
}

export class Control {
  readonly shares: Kind<Share>
  readonly users: Kind<User>
  readonly groups: Kind<Group>
  readonly clients: Kind<Client>
  private readonly stream: Kind<Stream>
  private readonly clientIds = new Map<string, number>()

  constructor(table: IdTable<{ readonly text: string }>) {
    this.shares = new Kind(table, controlKinds.share)
    this.users = new Kind(table, controlKinds.user)
    this.groups = new Kind(table, controlKinds.group)
    this.clients = new Kind(table, controlKinds.client)
    this.stream = new Kind(table, controlKinds.stream)
    for (const { address, id } of this.clients.values()) this.clientIds.set(address, id)
  }

  get state(): Stream {
    return this.stream.get(0) ?? EMPTY_STREAM
  }

  changeState(change: Partial<Stream>, seq: number): void {
    this.stream.put(0, { ...this.state, ...change }, seq)
  }

  /** A share that is there, by the path that clients mount. */
  shareByName(name: string): Share | undefined {
    for (const share of this.shares.values()) {
      if (share.name === name && share.deleted === 0) return share
    }
    return undefined
  }

  clientByAddress(address: string): Client | undefined {
    const id = this.clientIds.get(address)
    return id === undefined ? undefined : this.clients.get(id)
  }

  putClient(client: Client, seq: number): void {
    this.clients.put(client.id, client, seq)
    this.clientIds.set(client.address, client.id)
  }

  deleteClient(client: Client, seq: number): void {
    this.clients.delete(client.id, seq)
    this.clientIds.delete(client.address)
  }
}
