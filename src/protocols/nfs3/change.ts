/**
 * Procedures that are not idempotent. A call that comes again, on whichever connection and behind
 * whatever crash, gets its first answer: from memory, or written once more from the record that it
 * left, looking at the share as it was right before and right after that record.
 */

import { SealError } from '../../commands/content/sealer.ts'
import { type Accepted, aboutNode, type Refused } from '../../commands/decider.ts'
import type { Command } from '../../commands/deciders.ts'
import type { Decision } from '../../commands/stream.ts'
import type { OperationName } from '../../journal/command-names.ts'
import type { JournalRecord } from '../../journal/record.ts'
import { type Refusal, refusalOf } from '../../journal/refusal.ts'
import type { CallId } from '../../projections/replies.ts'
import type { Reader } from '../../wire/reader.ts'
import type { Codec } from '../../wire/schema.ts'
import type { Call, Outcome, Procedure, WriteResult } from '../rpc/program.ts'
import type { ReplyWriter } from '../rpc/reply-writer.ts'
import { type Nfs3, NOW, type Opened } from './context.ts'
import { nfs3Status } from './status.ts'
import type { nfsstat3, wcc_data } from './wire-types.ts'

/**
 * What the handles of a call name, as it was before the change; the first one says who and where.
 */
export interface Opening {
  readonly main: Opened
}

export interface Change<Args, Res, Open extends Opening> {
  readonly number: number
  readonly name: string
  readonly args: Codec<Args>
  readonly res: Codec<Res>
  /** Opens the handles, as of `moment` (NOW, or the record before). */
  readonly open: (nfs: Nfs3, args: Args, call: Call, moment: number) => Open | Refusal
  /** The kind of command it is, for the record of what is refused before there is one. */
  readonly type: Command['type']
  readonly command: (opened: Open, args: Args) => Command | Refusal
  /** What must end before the command can be decided; undefined when nothing must. */
  readonly settle?: (nfs: Nfs3, opened: Open, args: Args) => Promise<unknown> | undefined
  /** What follows from an accepted change for bytes that are staged. */
  readonly accepted?: (nfs: Nfs3, opened: Open, args: Args, outcome: Accepted) => void
  /** The result; `live` is false when it is written from the past. `opened` is as of before. */
  readonly result: (nfs: Nfs3, done: Done<Args, Open>) => NoInfer<Res>
}

export interface Done<Args, Open> {
  readonly args: Args
  /** undefined: the handles could not be opened. */
  readonly opened: Open | undefined
  readonly outcome: Accepted | Refused
  /** The record after which the result looks; NOW while it is the last. */
  readonly moment: number
}

/** How long a call waits for a frozen share before the client is told to try again. */
const PARKED_MILLIS = 5000

export class ChangeProcedure<Args, Res, Open extends Opening> implements Procedure {
  readonly number: number
  readonly name: string
  readonly once = true
  private readonly nfs: Nfs3
  private readonly change: Change<Args, Res, Open>

  constructor(nfs: Nfs3, change: Change<Args, Res, Open>) {
    this.nfs = nfs
    this.change = change
    this.number = change.number
    this.name = change.name
  }

  readonly serve = (reader: Reader, call: Call, w: ReplyWriter): Outcome => {
    const { nfs, change } = this
    const args = change.args.decode(reader)
    const id = idOf(call)
    const first = nfs.engine.world.replies.find(id)
    if (first !== 0) return this.again(first, args, call, w)
    const underWay = nfs.replies.underWay(id)
    if (underWay !== undefined) return this.afterFirst(underWay, args, call)
    nfs.begin()
    const opened = change.open(nfs, args, call, NOW)
    if (typeof opened === 'string') return this.unopened(opened, args, call)(w)
    const settling = change.settle?.(nfs, opened, args)
    if (settling !== undefined) return this.later(settling, args, call)
    const decision = this.decide(opened, args, call)
    if (typeof decision === 'string') return this.parked(decision, opened, args, call)
    return this.write(w, { args, opened, outcome: decision.outcome, moment: NOW }, decision.seq)
  }

  /** A handle that leads nowhere changes nothing: whoever asks again may hear the same again. */
  private unopened(why: Refusal, args: Args, call: Call): WriteResult {
    const { nfs, change } = this
    nfs.noteUnopened(change.type, `nfs3.${change.name}` as OperationName, why, call)
    const outcome = { kind: 'refused', why } as const
    return (w) => {
      change.res.encode(w, change.result(nfs, { args, opened: undefined, outcome, moment: NOW }))
      return 0
    }
  }

  private decide(opened: Open, args: Args, call: Call): Decision | string {
    const { nfs, change } = this
    const { principal } = opened.main
    const origin = nfs.origin(call, `nfs3.${change.name}` as OperationName, principal)
    const command = opened.main.asOf === NOW ? change.command(opened, args) : 'readOnly'
    if (typeof command === 'string') {
      const { share, ino } = opened.main
      const seq = nfs.engine.stream.noteRefusal(
        change.type,
        share.id,
        aboutNode(ino),
        command,
        origin,
      )
      return { outcome: { kind: 'refused', why: command }, seq }
    }
    const decision = nfs.engine.stream.submit(command, origin, principal)
    if (typeof decision === 'string') return decision
    if (decision.outcome.kind === 'accepted') {
      change.accepted?.(nfs, opened, args, decision.outcome)
    }
    return decision
  }

  private write(w: ReplyWriter, done: Done<Args, Open>, seq: number): number {
    const { nfs, change } = this
    const { positions } = nfs.engine.world
    positions.saw = seq
    const start = w.pos
    change.res.encode(w, change.result(nfs, done))
    if (seq !== 0) nfs.replies.keep(seq, w.bytes, start, w.pos)
    return nfs.holdFor(done.opened?.main.share, positions.saw)
  }

  /** Decides once what stands in the way is over. Handles are opened anew: time has passed. */
  private async later(settling: Promise<unknown>, args: Args, call: Call): Promise<WriteResult> {
    const { nfs, change } = this
    const done = nfs.replies.begin(idOf(call))
    try {
      let waiting: Promise<unknown> = settling
      for (;;) {
        const unsealed = await sealErrorOf(waiting)
        nfs.begin()
        if (unsealed !== undefined) return this.unsealed(unsealed, args, call)
        const opened = change.open(nfs, args, call, NOW)
        if (typeof opened === 'string') return this.unopened(opened, args, call)
        const more = change.settle?.(nfs, opened, args)
        if (more !== undefined) {
          waiting = more
          continue
        }
        const decision = this.decide(opened, args, call)
        if (typeof decision === 'string') return await this.parked(decision, opened, args, call)
        return this.written({ args, opened, outcome: decision.outcome, moment: NOW }, decision.seq)
      }
    } finally {
      done()
    }
  }

  /** As of COMMIT: what is staged stays so, and whoever asks again has it tried again. */
  private unsealed({ refusal: why }: SealError, args: Args, call: Call): WriteResult {
    const { nfs, change } = this
    const opened = change.open(nfs, args, call, NOW)
    if (typeof opened === 'string') return this.unopened(opened, args, call)
    nfs.noteUnopened(change.type, `nfs3.${change.name}` as OperationName, why, call)
    return this.written({ args, opened, outcome: { kind: 'refused', why }, moment: NOW }, 0)
  }

  /** The result is made now, while the world is what the command left, and sent when asked for. */
  private written(done: Done<Args, Open>, seq: number): WriteResult {
    const { nfs, change } = this
    nfs.engine.world.positions.saw = seq
    const result = change.result(nfs, done)
    const hold = nfs.holdFor(done.opened?.main.share, nfs.engine.world.positions.saw)
    return (w) => {
      const start = w.pos
      change.res.encode(w, result)
      if (seq !== 0) nfs.replies.keep(seq, w.bytes, start, w.pos)
      return hold
    }
  }

  private parked(wake: string, opened: Open, args: Args, call: Call): Promise<WriteResult> {
    const { nfs, change } = this
    const { principal } = opened.main
    const origin = nfs.origin(call, `nfs3.${change.name}` as OperationName, principal)
    const command = change.command(opened, args)
    const working = nfs.replies.begin(idOf(call))
    return new Promise((resolve) => {
      const end = (decision: Decision | undefined): void => {
        clearTimeout(timer)
        working()
        const outcome = decision?.outcome ?? ({ kind: 'refused', why: 'delayed' } as const)
        if (outcome.kind === 'accepted') change.accepted?.(nfs, opened, args, outcome)
        // The share has changed since the call came: before is right before the decision.
        const before =
          decision === undefined ? opened : change.open(nfs, args, call, decision.seq - 1)
        const done = { args, opened: typeof before === 'string' ? undefined : before, outcome }
        resolve(this.written({ ...done, moment: NOW }, decision?.seq ?? 0))
      }
      const timer = setTimeout(() => {
        cancel?.()
        end(undefined)
      }, PARKED_MILLIS)
      if (typeof command === 'string') {
        end(undefined)
        return
      }
      // Bytes may be on their way into the file by then, as when the call came.
      const ready = () => {
        const settling = change.settle?.(nfs, opened, args)
        // How it ends hears whoever sends the call again.
        settling?.catch(() => undefined)
        return settling === undefined
      }
      const ticket = { command, origin, principal, ready, decided: end }
      const cancel = nfs.engine.stream.parking.wait(wake, ticket)
      if (cancel === undefined) end(undefined)
    })
  }

  /** The call was answered before: the same answer, which waits for the same record. */
  private again(seq: number, args: Args, call: Call, w: ReplyWriter): Outcome {
    const known = this.nfs.replies.get(seq)
    if (known === undefined) return this.fromPast(seq, args, call)
    const start = w.take(known.length)
    known.copy(w.bytes, start)
    return seq
  }

  /**
   * The call is being worked on, for a connection that may be gone by now: whoever asks again gets
   * the same answer, where he asks.
   */
  private async afterFirst(underWay: Promise<void>, args: Args, call: Call): Promise<WriteResult> {
    const { replies } = this.nfs.engine.world
    const id = idOf(call)
    let waiting: Promise<void> | undefined = underWay
    for (; waiting !== undefined; waiting = this.nfs.replies.underWay(id)) await waiting
    const first = replies.find(id)
    // What left no record has not happened.
    return first === 0
      ? this.later(Promise.resolve(), args, call)
      : this.fromPast(first, args, call)
  }

  private async fromPast(seq: number, args: Args, call: Call): Promise<WriteResult> {
    const { nfs, change } = this
    const record = await nfs.engine.record(seq)
    const opened = change.open(nfs, args, call, seq - 1)
    const outcome = outcomeOf(record)
    const done = {
      args,
      opened: typeof opened === 'string' ? undefined : opened,
      outcome,
      moment: seq,
    }
    const result = change.result(nfs, done)
    return (w) => {
      change.res.encode(w, result)
      return seq
    }
  }
}

/** Why staged bytes that a change must wait for could not be made durable. */
async function sealErrorOf(settling: Promise<unknown>): Promise<SealError | undefined> {
  try {
    await settling
    return undefined
  } catch (error) {
    if (error instanceof SealError) return error
    throw error
  }
}

const idOf = ({ caller, machine, xid, checksum }: Call): CallId => ({
  client: caller.client,
  machine,
  xid,
  checksum,
})

/** Opens the one handle that most changes have. */
export function openMain(nfs: Nfs3, handle: Buffer, call: Call, moment: number): Opening | Refusal {
  const main = nfs.openToChange(handle, call, moment)
  return typeof main === 'string' ? main : { main }
}

export const statusOf = (outcome: Accepted | Refused): nfsstat3 =>
  outcome.kind === 'accepted' ? 0 : nfs3Status[outcome.why]

/** Weak cache consistency data of what the main handle names. */
export const mainWcc = (nfs: Nfs3, { opened, moment }: Done<unknown, Opening>): wcc_data =>
  nfs.wcc(opened?.main, moment)

/** What a record says was decided. */
function outcomeOf({ refusal, events, about }: JournalRecord): Accepted | Refused {
  if (refusal !== 0) return { kind: 'refused', why: refusalOf(refusal) }
  let ino = about?.ino ?? 0
  for (const event of events) if ('ino' in event) ino = event.ino
  return { kind: 'accepted', events, ino }
}
