/**
 * One thread of work on a tree in a directory of its own: any operation, one at a time, held
 * against the model. Writes are stable here; file-task.ts looks at the others.
 */
import { RpcDisconnected } from '../client/rpc-error.ts'
import { assertSameTree, Conformance, isSameTree, type Observed } from '../model/conformance.ts'
import type { Operation, Tree } from '../model/operations.ts'
import { PosixModel } from '../model/posix-model.ts'
import { unprivileged } from '../model/posix-node.ts'
import { RandomOperations } from '../model/random-operations.ts'
import { WireSubject } from '../model/wire-subject.ts'
import type { Session } from '../protocols/session.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { Task } from './task.ts'

const root = { uid: 0, gid: 0, gids: [] }

const stably = (operation: Operation): Operation =>
  operation.kind === 'write' ? { ...operation, stable: true } : operation

export class TreeTask implements Task {
  acknowledged = 0
  private readonly model = new PosixModel(0o777)
  private readonly subject: WireSubject
  private readonly operations: RandomOperations
  private readonly conformance: Conformance
  /** Sent, and not answered when the server died. */
  private pending: Operation | undefined
  /** Finds what was made without an answer that brought its handle. */
  private missing: Operation | undefined

  constructor(random: SeededRandom, session: Session, directory: Buffer) {
    this.subject = new WireSubject([session], this.model.root, directory)
    this.operations = new RandomOperations(random, this.model)
    this.conformance = new Conformance(this.model, this.subject)
  }

  async work(session: Session, paused: () => boolean): Promise<void> {
    this.subject.sessions = [session]
    while (!paused()) {
      const operation = stably(this.next())
      let observed: Observed
      try {
        observed = await this.subject.perform(operation)
      } catch (error) {
        if (!(error instanceof RpcDisconnected)) throw error
        this.pending = operation
        return
      }
      this.conformance.settle(operation, observed)
      this.acknowledged += 1
    }
  }

  private next(): Operation {
    const operation = this.operations.next()
    // What lies above this tree is no part of the model.
    const above =
      operation.kind === 'lookup' && operation.dir === this.model.root && operation.name === '..'
    return above ? { ...operation, name: '.' } : operation
  }

  async verify(session: Session): Promise<void> {
    this.subject.sessions = [session]
    await this.findMissing()
    const { pending } = this
    const tree = await this.subject.tree()
    if (pending === undefined || isSameTree(tree, this.model.tree())) {
      assertSameTree(tree, this.model.tree())
      this.pending = undefined
      return
    }
    if (this.lostSetId(pending, tree)) {
      this.pending = undefined
      return
    }
    const { value } = this.model.apply(pending)
    assertSameTree(tree, this.model.tree())
    this.pending = undefined
    if (value?.node === undefined || !('name' in pending)) return
    const { dir, name } = pending
    this.missing = { kind: 'lookup', user: root, dir, name }
    await this.findMissing()
  }

  /**
   * Whether nothing has become of a write but that its file is set-user-ID or set-group-ID no more.
   * That goes first, by itself, as on other file systems: a write without it would be worse.
   */
  private lostSetId(pending: Operation, tree: Tree): boolean {
    const node = pending.kind === 'write' ? this.model.node(pending.node) : undefined
    if (node === undefined) return false
    const { mode } = node
    node.mode = unprivileged(mode)
    if (node.mode !== mode && isSameTree(tree, this.model.tree())) return true
    node.mode = mode
    return false
  }

  private async findMissing(): Promise<void> {
    const lookup = this.missing
    if (lookup === undefined) return
    this.conformance.settle(lookup, await this.subject.perform(lookup))
    this.missing = undefined
  }
}
