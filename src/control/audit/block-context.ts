/** The context of a block as it is read: it goes along with the block's records, in their order. */
import type { Event } from '../../journal/events.ts'
import type { JournalRecord } from '../../journal/record.ts'
import {
  type ContextRows,
  type InodeBefore,
  type NodeName,
  namesOf,
} from '../../projections/audit-context.ts'
import { BLOCK_RECORDS } from '../../projections/audit-index.ts'
import { ROOT_INO } from '../../projections/inode.ts'
import { nodeId } from '../../projections/node-id.ts'

const DEPTH_MAX = 100_000

/** One kind of rows, each of `width` values that begin with its place. */
class Rows {
  private readonly values: readonly (number | string)[]
  private readonly width: number
  private next = 0

  constructor(values: readonly (number | string)[], width: number) {
    this.values = values
    this.width = width
  }

  /** Rows that hold from `at` on and were not given yet; `i`: of the value behind the place. */
  upTo(at: number, each: (values: readonly (number | string)[], i: number) => void): void {
    const { values, width } = this
    for (; this.next < values.length && (values[this.next] as number) <= at; this.next += width) {
      each(values, this.next + 1)
    }
  }
}

export class BlockContext {
  private readonly rows: {
    readonly shares: Rows
    readonly clients: Rows
    readonly users: Rows
    readonly nodes: Rows
    readonly inodes: Rows
    readonly settings: Rows
  }
  private readonly shares = new Map<number, string>()
  private readonly clients = new Map<number, string>()
  private readonly users = new Map<number, string>()
  private readonly nodes = new Map<number, NodeName>()
  /** Of the record in hand. */
  private readonly inodes = new Map<number, InodeBefore>()
  private settings: unknown[] = []

  constructor({ shares, clients, users, nodes, inodes, settings }: ContextRows) {
    this.rows = {
      shares: new Rows(shares, 3),
      clients: new Rows(clients, 3),
      users: new Rows(users, 3),
      nodes: new Rows(nodes, 5),
      inodes: new Rows(inodes, 6),
      settings: new Rows(settings, 2),
    }
  }

  /** Goes on to a record. All of a block's must come, one after the other. */
  advance({ seq, share, events }: Pick<JournalRecord, 'seq' | 'share' | 'events'>): void {
    const at = (seq - 1) % BLOCK_RECORDS
    for (const event of events) this.replay(share, event)
    const { rows, shares, clients, users } = this
    rows.shares.upTo(at, (v, i) => shares.set(v[i] as number, v[i + 1] as string))
    rows.clients.upTo(at, (v, i) => clients.set(v[i] as number, v[i + 1] as string))
    rows.users.upTo(at, (v, i) => users.set(v[i] as number, v[i + 1] as string))
    rows.nodes.upTo(at, (v, i) => {
      const id = nodeId(v[i] as number, v[i + 1] as number)
      this.nodes.set(id, { parent: v[i + 2] as number, name: v[i + 3] as string })
    })
    this.inodes.clear()
    rows.inodes.upTo(at, (v, i) => {
      const [mode, uid, gid, size] = v.slice(i + 1, i + 5) as [number, number, number, number]
      // The first one is from before the record.
      const ino = v[i] as number
      if (!this.inodes.has(ino)) this.inodes.set(ino, { mode, uid, gid, size })
    })
    this.settings = []
    rows.settings.upTo(at, (v, i) => this.settings.push(JSON.parse(v[i] as string)))
  }

  private replay(share: number, event: Event): void {
    const names = namesOf(event)
    if (names !== undefined) {
      const id = nodeId(share, names.ino)
      if (names.at === undefined) this.nodes.delete(id)
      else this.nodes.set(id, names.at)
    } else if (event.type === 'UserCreated' || event.type === 'UserDeleted') {
      this.users.delete(event.uid)
    }
  }

  shareName(share: number): string | undefined {
    return this.shares.get(share)
  }

  address(client: number): string | undefined {
    return this.clients.get(client)
  }

  userName(uid: number): string | undefined {
    return this.users.get(uid)
  }

  /** How the record found an inode that it changed. */
  before(ino: number): InodeBefore | undefined {
    return this.inodes.get(ino)
  }

  /** What the record's event found where it changed the control plane. */
  settingBefore(): unknown {
    return this.settings[0]
  }

  /** The path of an inode in the server's name space: bytes as a string; undefined: it has none. */
  path(share: number, ino: number): string | undefined {
    const names: string[] = []
    let at = ino
    for (let depth = 0; at !== ROOT_INO; depth++) {
      const node = this.nodes.get(nodeId(share, at))
      if (node === undefined || depth > DEPTH_MAX) return undefined
      names.push(node.name)
      at = node.parent
    }
    const root = this.shares.get(share)
    if (root === undefined) return undefined
    const bytes = Buffer.from(root, 'utf8').toString('latin1')
    return names.length === 0 ? bytes : `${bytes}/${names.reverse().join('/')}`
  }

  entryPath(share: number, dir: number, name: string): string | undefined {
    const path = this.path(share, dir)
    return path === undefined ? undefined : `${path}/${name}`
  }
}
