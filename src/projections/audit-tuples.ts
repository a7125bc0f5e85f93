import type { JournalRecord } from '../journal/record.ts'
import { ANY_REFUSAL, auditKey, COMMAND, keyKinds, textHash } from './audit-keys.ts'
import type { BlockFilter } from './block-filter.ts'

type Asked = Pick<JournalRecord, 'origin' | 'command' | 'refusal'>

const TUPLE = 6
const TUPLES = 64

/** Keys for who, from where, how and with what result: mostly several records share them. */
export class AuditTuples {
  private readonly filter: BlockFilter
  /** Those that are in the filter, each at its place; exact, since a miss would lose an answer. */
  private readonly tuples = new Float64Array(TUPLES * TUPLE).fill(-1)

  constructor(filter: BlockFilter) {
    this.filter = filter
  }

  clear(): void {
    this.tuples.fill(-1)
  }

  /** Remembers it too. False: its keys may have to be added. */
  has({ origin, command, refusal, share }: Asked & Pick<JournalRecord, 'share'>): boolean {
    const { client, uid, op, actor } = origin
    if (actor !== undefined) return false
    const hash = client * 31 + uid * 17 + op * 7 + command * 3 + refusal + share
    const at = (hash & (TUPLES - 1)) * TUPLE
    const { tuples } = this
    if (
      tuples[at] === client &&
      tuples[at + 1] === uid &&
      tuples[at + 2] === op &&
      tuples[at + 3] === command &&
      tuples[at + 4] === refusal &&
      tuples[at + 5] === share
    ) {
      return true
    }
    tuples[at] = client
    tuples[at + 1] = uid
    tuples[at + 2] = op
    tuples[at + 3] = command
    tuples[at + 4] = refusal
    tuples[at + 5] = share
    return false
  }

  /** `from`: the hash of the address it came from. */
  add({ origin, command, refusal }: Asked, from: number): void {
    const { uid, op, actor } = origin
    if (actor !== undefined) this.filter.add(auditKey(keyKinds.actor, textHash(actor.name)))
    this.addWho(uid, from)
    this.addWhat(uid, from, op, refusal)
    this.addWhat(uid, from, COMMAND + command, refusal)
    this.addResult(uid, from, refusal)
    if (refusal !== 0) this.addResult(uid, from, ANY_REFUSAL)
  }

  private addWho(uid: number, from: number): void {
    const { filter } = this
    filter.add(auditKey(keyKinds.uid, uid))
    filter.add(auditKey(keyKinds.client, from))
    filter.add(auditKey(keyKinds.uidClient, uid, from))
  }

  private addWhat(uid: number, from: number, what: number, refusal: number): void {
    const { filter } = this
    filter.add(auditKey(keyKinds.what, what))
    filter.add(auditKey(keyKinds.uidWhat, uid, what))
    filter.add(auditKey(keyKinds.clientWhat, from, what))
    filter.add(auditKey(keyKinds.whatResult, what, refusal))
    if (refusal !== 0) filter.add(auditKey(keyKinds.whatResult, what, ANY_REFUSAL))
  }

  private addResult(uid: number, from: number, result: number): void {
    const { filter } = this
    filter.add(auditKey(keyKinds.result, result))
    filter.add(auditKey(keyKinds.uidResult, uid, result))
    filter.add(auditKey(keyKinds.clientResult, from, result))
  }
}
