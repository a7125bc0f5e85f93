/** Whether a record is what is asked for; and which keys its block's filter must have then. */

import type { JournalRecord } from '../../journal/record.ts'
import { type Instant, laterThan } from '../../platform/clock.ts'
import {
  ANY_REFUSAL,
  auditKey,
  COMMAND,
  keyKinds,
  namesIn,
  pathHash,
  ROOT_HASH,
  textHash,
} from '../../projections/audit-keys.ts'
import type { BlockContext } from './block-context.ts'
import { addressOf, SERVER, type Told } from './entry.ts'
import type { AuditQuery, Criteria } from './query.ts'

/** Pairs of keys that are looked for at most, so that a filter is not asked too much. */
const PAIRS_MAX = 64

/** Of each group one key at least must be there. */
export function keyGroups({ share, path, user, clients, what, results }: Criteria): number[][] {
  const groups: number[][] = []
  if (share !== undefined) groups.push([auditKey(keyKinds.share, textHash(bytesOf(share)))])
  if (path !== undefined && path !== '') {
    groups.push([auditKey(keyKinds.path, namesIn(path).reduce(pathHash, ROOT_HASH))])
  }
  if (user !== undefined) {
    const uids = user.uids.map((uid) => auditKey(keyKinds.uid, uid))
    groups.push([...uids, ...user.actors.map((name) => auditKey(keyKinds.actor, textHash(name)))])
  }
  const uids = user?.actors.length === 0 ? user.uids : undefined
  const from = clients?.map((address) => (address === SERVER ? 0 : textHash(address)))
  const how = what && [...what.operations, ...what.commands.map((code) => COMMAND + code)]
  for (const [kind, values] of [
    [keyKinds.client, from],
    [keyKinds.what, how],
    [keyKinds.result, results],
  ] as const) {
    if (values !== undefined) groups.push(values.map((value) => auditKey(kind, value)))
  }
  for (const [kind, some, others] of [
    [keyKinds.uidClient, uids, from],
    [keyKinds.uidWhat, uids, how],
    [keyKinds.uidResult, uids, results],
    [keyKinds.clientWhat, from, how],
    [keyKinds.clientResult, from, results],
    [keyKinds.whatResult, how, results],
  ] as const) {
    if (some === undefined || others === undefined) continue
    if (some.length * others.length > PAIRS_MAX) continue
    groups.push(some.flatMap((a) => others.map((b) => auditKey(kind, a, b))))
  }
  return groups
}

const bytesOf = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/**
 * Everything but what it was about, which takes longer to find out. `last`: until when it went on.
 */
export function recordMatches(
  record: JournalRecord,
  context: BlockContext,
  { since, until, criteria }: AuditQuery,
  last: Instant = record,
): boolean {
  const { user, clients, what, results } = criteria
  if (since !== undefined && laterThan(since, last)) return false
  if (until !== undefined && laterThan(record, until)) return false
  if (what !== undefined && !whatMatches(record, what)) return false
  if (results !== undefined && !resultMatches(record.refusal, results)) return false
  if (user !== undefined && !userMatches(record, user)) return false
  return clients === undefined || clients.includes(addressOf(record, context) ?? SERVER)
}

const whatMatches = (
  { origin, command }: JournalRecord,
  { operations, commands }: NonNullable<Criteria['what']>,
): boolean => operations.includes(origin.op) || commands.includes(command)

const resultMatches = (refusal: number, results: readonly number[]): boolean =>
  results.includes(refusal) || (refusal !== 0 && results.includes(ANY_REFUSAL))

function userMatches(
  { origin }: JournalRecord,
  { uids, actors }: NonNullable<Criteria['user']>,
): boolean {
  const { actor, uid } = origin
  if (actor !== undefined && actor.name !== '') return actors.includes(actor.name)
  return uids.includes(uid)
}

export function subjectMatches({ subject }: Told, { share, path }: Criteria): boolean {
  if (share !== undefined && subject.share !== share) return false
  return path === undefined || below(subject.path, path) || below(subject.to, path)
}

function below(path: string | undefined, top: string): boolean {
  if (path === undefined || !path.startsWith(top)) return false
  return path.length === top.length || path[top.length] === '/'
}
