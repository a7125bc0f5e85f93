/**
 * Remembers changes that were refused because their handle leads nowhere, or because the caller may
 * not use the share. Who was let in leaves a record each time, as with any refusal; of who was not,
 * records are summed up, so that strangers cannot fill the journal.
 */
import { aboutNode } from '../../commands/decider.ts'
import type { Command } from '../../commands/deciders.ts'
import type { Engine } from '../../commands/engine.ts'
import { type OperationName, operations } from '../../journal/command-names.ts'
import type { Origin } from '../../journal/record.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { RepeatLimiter } from '../../platform/repeat-limiter.ts'
import type { Call } from '../rpc/program.ts'

export interface Unopened {
  readonly type: Command['type']
  readonly operation: OperationName
  readonly why: Refusal
  readonly call: Call
  /** 0: the handle says neither. */
  readonly share: number
  readonly ino: number
}

const NOBODY = { uid: 65534, gid: 65534 }

/** Whoever is told this was not let in, or made the handle up. */
const notLetIn: ReadonlySet<Refusal> = new Set(['accessDenied', 'notPermitted', 'badHandle'])

export class UnopenedChanges {
  private readonly engine: Engine
  private readonly limiter: RepeatLimiter<Unopened>

  constructor(engine: Engine) {
    this.engine = engine
    this.limiter = new RepeatLimiter({ tell: (what, count) => this.record(what, count) })
  }

  note(what: Unopened): void {
    const { why, call, share, operation } = what
    if (!notLetIn.has(why)) this.record(what, 1)
    else this.limiter.add(`${call.caller.client} ${share} ${operation} ${why}`, what)
  }

  /** True: a journal that has failed is left behind with what it lacks. */
  private record({ type, operation, why, call, share, ino }: Unopened, count: number): true {
    const { caller, xid, principal } = call
    const { uid, gid } = principal ?? NOBODY
    const { client, address } = caller
    const who: Origin = { op: operations[operation], client, uid, gid, xid, checksum: 0 }
    const origin = count === 1 ? who : { ...who, actor: { address, name: '', count } }
    const about = ino === 0 ? undefined : aboutNode(ino)
    this.engine.stream.noteRefusal(type, share, about, why, origin)
    return true
  }
}
