/**
 * A record: one command, who gave it and when, its outcome and its events. The unit of audit.
 * Packed it is the msgpack array of docs/formats/records.md; later versions append to it.
 */
import { Packr } from 'msgpackr'
import { packEvent, unpackEvent } from './event-codec.ts'
import type { Event } from './events.ts'
import { integer, JournalFormatError, list, packName, unpackers } from './fields.ts'

/** Where a command came from. Everything in it is stamped on the way in, nothing is looked up. */
export interface Origin {
  /** operations[…]: the protocol's operation. */
  readonly op: number
  /** The number of the client's ClientSeen; 0 for the server itself. */
  readonly client: number
  /** After squashing. */
  readonly uid: number
  readonly gid: number
  /** RPC transaction id and checksum of the call, which tell a retransmission; 0 without one. */
  readonly xid: number
  readonly checksum: number
  /** Of a call with a checksum: CRC-32 of the machine's name in its credentials; never 0. */
  readonly machine?: number
  /** Who it was where neither client nor uid say it: administrators, and who is not let in. */
  readonly actor?: Actor
}

export interface Actor {
  /** Where it came from, without a port: `192.0.2.1`. */
  readonly address: string
  /** What it was let in by: `token`; empty when it was not let in. */
  readonly name: string
  /** Attempts that this one record stands for: more than one when refusals are summed up. */
  readonly count: number
}

/** What a refused command was about; an accepted one says so in its events. */
export interface About {
  readonly ino: number
  readonly dir: number
  /** In `dir`; with 0 for `dir` a path as it was asked for. */
  readonly name: string
  readonly toDir: number
  readonly toName: string
}

export interface JournalRecord {
  /** Position in the stream, from 1. Not packed: it follows from the frame. */
  readonly seq: number
  /** commandCodes[…] */
  readonly command: number
  readonly sec: number
  readonly nsec: number
  /** The share that it concerns; 0 for the control plane. */
  readonly share: number
  readonly origin: Origin
  /** refusals[…], or 0 when it was accepted. */
  readonly refusal: number
  readonly about: About | undefined
  readonly events: readonly Event[]
  /** Many accesses, packed as in access-batch.ts. The time of the record is that of the first. */
  readonly accesses?: Buffer
}

const FIELDS = 13

// Maps stay maps and no extension types appear: any msgpack reader opens a journal.
const packr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' })

export function packRecord(record: JournalRecord): Buffer {
  const { origin, about, events, accesses } = record
  const packedEvents = new Array<unknown>(events.length)
  for (let i = 0; i < events.length; i++) packedEvents[i] = packEvent(events[i] as Event)
  const fields: unknown[] = [
    record.command,
    origin.op,
    record.sec,
    record.nsec,
    origin.client,
    origin.uid,
    origin.gid,
    record.share,
    origin.xid,
    origin.checksum,
    record.refusal,
    about === undefined ? null : packAbout(about),
    packedEvents,
  ]
  const { actor, machine } = origin
  const last = machine !== undefined ? 3 : accesses !== undefined ? 2 : actor !== undefined ? 1 : 0
  if (last >= 1) fields.push(actor === undefined ? null : [actor.address, actor.name, actor.count])
  if (last >= 2) fields.push(accesses ?? null)
  if (last >= 3) fields.push(machine)
  return packr.pack(fields)
}

function packAbout({ ino, dir, name, toDir, toName }: About): unknown[] {
  if (toDir !== 0) return [ino, dir, packName(name), toDir, packName(toName)]
  if (dir !== 0 || name !== '') return [ino, dir, packName(name)]
  return [ino]
}

/** The records of a frame's payload, in order. Throws JournalFormatError. */
export function unpackRecords(payload: Buffer, firstSeq: number, count: number): JournalRecord[] {
  const records: JournalRecord[] = []
  if (count === 0) return records
  try {
    packr.unpackMultiple(payload, (value: unknown) => {
      records.push(unpackRecord(value, firstSeq + records.length))
      return true
    })
  } catch (error) {
    if (error instanceof JournalFormatError) throw error
    throw new JournalFormatError(`record ${firstSeq + records.length}: ${String(error)}`)
  }
  if (records.length !== count) {
    throw new JournalFormatError(`frame ${firstSeq}: ${records.length} records, not ${count}`)
  }
  return records
}

function unpackRecord(value: unknown, seq: number): JournalRecord {
  const v = list(value, `record ${seq}`)
  if (v.length < FIELDS) throw new JournalFormatError(`record ${seq}: ${v.length} fields`)
  const events = list(v[12], 'events')
  const unpacked = new Array<Event>(events.length)
  for (let i = 0; i < events.length; i++) unpacked[i] = unpackEvent(events[i])
  const record = {
    seq,
    command: integer(v[0], 'command'),
    sec: integer(v[2], 'sec'),
    nsec: integer(v[3], 'nsec'),
    share: integer(v[7], 'share'),
    origin: unpackOrigin(v),
    refusal: integer(v[10], 'refusal'),
    about: v[11] === null ? undefined : unpackAbout(v[11]),
    events: unpacked,
  }
  const accesses = v[FIELDS + 1] ?? null
  return accesses === null ? record : { ...record, accesses: binary(accesses, 'accesses') }
}

function binary(value: unknown, what: string): Buffer {
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.length)
  }
  throw new JournalFormatError(`${what}: binary expected`)
}

function unpackOrigin(v: readonly unknown[]): Origin {
  const origin = {
    op: integer(v[1], 'op'),
    client: integer(v[4], 'client'),
    uid: integer(v[5], 'uid'),
    gid: integer(v[6], 'gid'),
    xid: integer(v[8], 'xid'),
    checksum: integer(v[9], 'checksum'),
  }
  const [actor, machine] = [v[FIELDS] ?? null, v[FIELDS + 2] ?? null]
  if (actor === null && machine === null) return origin
  return {
    ...origin,
    ...(actor !== null && { actor: unpackActor(actor) }),
    ...(machine !== null && { machine: integer(machine, 'machine') }),
  }
}

function unpackActor(value: unknown): Actor {
  const v = list(value, 'actor')
  return {
    address: unpackers.text(v[0], 'actor.address'),
    name: unpackers.text(v[1], 'actor.name'),
    count: integer(v[2], 'actor.count'),
  }
}

function unpackAbout(value: unknown): About {
  const v = list(value, 'about')
  return {
    ino: integer(v[0], 'about.ino'),
    dir: v.length > 1 ? integer(v[1], 'about.dir') : 0,
    name: v.length > 1 ? unpackers.name(v[2], 'about.name') : '',
    toDir: v.length > 3 ? integer(v[3], 'about.toDir') : 0,
    toName: v.length > 3 ? unpackers.name(v[4], 'about.toName') : '',
  }
}
