/** What an audit says of a record. docs/guide/audit.md explains each field. */
import { isUtf8 } from 'node:buffer'
import { commandCodes, commandNameOf, operationNameOf } from '../../journal/command-names.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { type Refusal, refusalOf } from '../../journal/refusal.ts'
import type { Instant } from '../../platform/clock.ts'
import type { BlockContext } from './block-context.ts'
import { addChanges, type Changes, rangesOf } from './changes.ts'
import { type Subject, subjectOf } from './subject.ts'

export interface AuditEntry {
  readonly seq: number
  /** Which one it is of a record that holds many accesses, from 0. */
  readonly index: number | undefined
  /** RFC 3339, to the nanosecond. */
  readonly time: string
  /** Of the last one, where it stands for several accesses. */
  readonly last: string | undefined
  /** By name where there is one; what let an administrator in; `server`. */
  readonly user: string
  readonly uid: number
  readonly gid: number
  /** An address; of what the server does by itself `server`. */
  readonly client: string
  readonly protocol: string
  readonly operation: string
  readonly command: string
  readonly share: string | undefined
  /** In the server's name space, as it was at that time. UTF-8 where the bytes are. */
  readonly path: string | undefined
  /** Where a rename led to. */
  readonly to: string | undefined
  /** Where they are no UTF-8: base64 of their bytes, by which they can be told apart. */
  readonly pathBytes: string | undefined
  readonly toBytes: string | undefined
  readonly inode: number | undefined
  /** What is in no share: `user ada`, `label v1`. */
  readonly object: string | undefined
  readonly changes: Changes | undefined
  /** Bytes that were written: offset and length of each piece. */
  readonly ranges: readonly (readonly [number, number])[] | undefined
  readonly result: 'ok' | Refusal
  /** Attempts that it stands for, where there are several. */
  readonly attempts: number | undefined
}

/** Who does what nobody has asked for. */
export const SERVER = 'server'

/** A record, and what it was about in bytes: for comparing paths. */
export interface Told {
  readonly record: JournalRecord
  readonly context: BlockContext
  readonly subject: Subject
}

export const tell = (record: JournalRecord, context: BlockContext): Told => ({
  record,
  context,
  subject: subjectOf(record, context),
})

export function entryOf({ record, context, subject }: Told, index?: number): AuditEntry {
  const { seq, command: code, origin, refusal } = record
  const command = commandNameOf(code) ?? String(code)
  const { protocol, operation } = wayOf(origin.op, command)
  const changes: Changes = {}
  addChanges(changes, record, context)
  return {
    seq,
    index,
    time: timeText(record),
    last: undefined,
    user: userOf(record, context),
    uid: origin.uid,
    gid: origin.gid,
    client: addressOf(record, context) ?? SERVER,
    protocol,
    operation,
    command,
    share: subject.share,
    path: readable(subject.path),
    to: readable(subject.to),
    pathBytes: bytesUnlessText(subject.path),
    toBytes: bytesUnlessText(subject.to),
    inode: subject.inode === 0 ? undefined : subject.inode,
    object: subject.object,
    changes: Object.keys(changes).length === 0 ? undefined : changes,
    ranges: rangesOf(record),
    result: refusal === 0 ? 'ok' : refusalOf(refusal),
    attempts: origin.actor !== undefined && origin.actor.count > 1 ? origin.actor.count : undefined,
  }
}

/**
 * `nfs3.REMOVE` is REMOVE of nfs3; what has no operation of a protocol is called as its command.
 */
function wayOf(op: number, command: string): { protocol: string; operation: string } {
  const [protocol = '', operation = command] = (operationNameOf(op) ?? String(op)).split('.')
  return { protocol, operation }
}

function userOf({ origin, command }: JournalRecord, context: BlockContext): string {
  const { actor, client, uid } = origin
  if (actor !== undefined && actor.name !== '') return actor.name
  if (command === commandCodes.LogIn) return 'unknown'
  if (client === 0 && actor === undefined) return SERVER
  return context.userName(uid) ?? String(uid)
}

/** undefined: it was the server itself. */
export function addressOf({ origin }: JournalRecord, context: BlockContext): string | undefined {
  const { actor, client } = origin
  if (actor !== undefined) return actor.address
  return client === 0 ? undefined : (context.address(client) ?? `client ${client}`)
}

export function timeText({ sec, nsec }: Instant): string {
  const whole = new Date(sec * 1000).toISOString().slice(0, 19)
  return `${whole}.${String(nsec).padStart(9, '0')}Z`
}

const readable = (path: string | undefined): string | undefined =>
  path === undefined ? undefined : Buffer.from(path, 'latin1').toString('utf8')

function bytesUnlessText(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  const bytes = Buffer.from(path, 'latin1')
  return isUtf8(bytes) ? undefined : bytes.toString('base64')
}

/** What `after` and `before` take. */
export const placeText = ({ seq, index }: AuditEntry): string =>
  index === undefined ? String(seq) : `${seq}.${index}`
