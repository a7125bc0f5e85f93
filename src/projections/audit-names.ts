import type { JournalRecord } from '../journal/record.ts'
import { type ContextRows, noRows } from './audit-context.ts'
import { auditKey, keyKinds, namesIn, pathHash, ROOT_HASH, textHash } from './audit-keys.ts'
import { AuditTuples } from './audit-tuples.ts'
import { BlockFilter } from './block-filter.ts'
import type { World } from './world.ts'

/** A filter and a context as they grow: what is not about the tree. */
export class AuditNames {
  readonly filter = new BlockFilter()
  rows: ContextRows = noRows()
  private readonly world: World
  private readonly tuples = new AuditTuples(this.filter)
  private readonly shares = new Map<number, number>()
  private readonly clients = new Map<number, number>()
  private readonly users = new Set<number>()

  constructor(world: World) {
    this.world = world
  }

  clear(): void {
    this.filter.clear()
    this.rows = noRows()
    this.tuples.clear()
    this.shares.clear()
    this.clients.clear()
    this.users.clear()
  }

  addTuple(record: Pick<JournalRecord, 'origin' | 'command' | 'refusal' | 'share'>, at = 0): void {
    if (this.tuples.has(record)) return
    const { client, uid, actor } = record.origin
    this.addUser(uid, at)
    const from = this.clientHash(client, at)
    this.tuples.add(record, actor === undefined ? from : textHash(actor.address))
  }

  private addUser(uid: number, at: number): void {
    if (this.users.has(uid)) return
    this.users.add(uid)
    const name = this.world.control.users.get(uid)?.name
    if (name !== undefined) this.rows.users.push(at, uid, name)
  }

  /** Who has the number may have another name from here on. */
  forgetUser(uid: number): void {
    this.users.delete(uid)
  }

  /** Of its address; of the server itself 0. */
  private clientHash(client: number, at: number): number {
    if (client === 0) return 0
    const known = this.clients.get(client)
    if (known !== undefined) return known
    const address = this.world.control.clients.get(client)?.address ?? ''
    const hash = textHash(address)
    this.clients.set(client, hash)
    if (address !== '') this.rows.clients.push(at, client, address)
    return hash
  }

  /** The hash of the path that its name is. */
  addShare(share: number, at = 0): number {
    const known = this.shares.get(share)
    if (known !== undefined) return known
    const name = this.world.control.shares.get(share)?.name ?? ''
    const bytes = Buffer.from(name, 'utf8').toString('latin1')
    const hash = this.addPath(bytes)
    this.shares.set(share, hash)
    this.rows.shares.push(at, share, name)
    this.filter.add(auditKey(keyKinds.share, textHash(bytes)))
    return hash
  }

  /** A path of the server's name space, and all that lead to it. */
  addPath(path: string): number {
    let hash = ROOT_HASH
    for (const name of namesIn(path)) {
      hash = pathHash(hash, name)
      this.filter.add(auditKey(keyKinds.path, hash))
    }
    return hash
  }
}
