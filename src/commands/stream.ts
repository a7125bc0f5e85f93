/**
 * The live writer of a stream. It decides commands one after the other, folds what they amount to
 * at once, and knows three positions:
 *
 *   decided    the last record folded into the world; moved by `submit`
 *   durable    the last record that no crash can lose; moved by the committer, never above decided
 *   published  the last record that subscribers were told of; moved behind durable, never above it
 *
 * A reply leaves when all that it saw or caused is durable.
 */
import { Subject } from 'rxjs'
import { type Principal, SYSTEM } from '../auth/principal.ts'
import { commandCodes, operations } from '../journal/command-names.ts'
import type { Event } from '../journal/events.ts'
import type { Tail } from '../journal/journal.ts'
import type { About, JournalRecord, Origin } from '../journal/record.ts'
import { type Refusal, refusals } from '../journal/refusal.ts'
import type { Clock, Instant } from '../platform/clock.ts'
import { fault } from '../platform/fault.ts'
import { MiB } from '../platform/limits.ts'
import type { World } from '../projections/world.ts'
import { AccessLog } from './access-log.ts'
import { Committer, type FrameLog, type NewBlock } from './committer.ts'
import type { Accepted, Refused, Space, Stamp } from './decider.ts'
import { type Command, decide } from './deciders.ts'
import { joinWrite, plainWrite } from './joined-write.ts'
import { ParkingLot } from './parking.ts'
import { recordOf } from './record-of.ts'
import { wakeOf } from './wakes.ts'

export interface StreamOptions {
  readonly world: World
  readonly tail: Tail
  readonly log: FrameLog
  readonly clock: Clock
  readonly random: () => number
  readonly space: () => Space
  /** Whether nothing can be written down any more, not even what would free some room. */
  readonly exhausted?: () => boolean
  /** Of every event, right after it was folded. */
  readonly onEvent?: (event: Event, share: number) => void
  /** The stream is of no use any more: it must be reopened from what is durable. */
  readonly onFailure: (error: Error) => void
}

/** Something that keeps replies back until they are durable. */
export interface Holder {
  /** Lets go what was held for `durable` and before; true when something is still held. */
  release(durable: number): boolean
}

export interface Decision {
  readonly outcome: Accepted | Refused
  /** The record it left, or 0 when there was nothing to remember. */
  readonly seq: number
}

export const NO_ORIGIN: Origin = {
  op: operations.internal,
  client: 0,
  uid: 0,
  gid: 0,
  xid: 0,
  checksum: 0,
}

/** Nothing is remembered of it. */
const NO_ROOM: Decision = { outcome: { kind: 'refused', why: 'noSpace' }, seq: 0 }

/** Far below what slows clients down: those who change something should not wait for who reads. */
const ACCESS_BACKLOG_MAX = 16 * MiB

const NO_BLOCKS: readonly NewBlock[] = []

export class Stream {
  readonly world: World
  readonly parking: ParkingLot
  /** What changes nothing, in shares that want it remembered. */
  readonly accesses: AccessLog
  /** Records, once durable, in order. */
  readonly published$ = new Subject<JournalRecord>()
  durable: number
  published: number
  private readonly options: StreamOptions
  private readonly committer: Committer
  private readonly holders = new Set<Holder>()
  private unpublished: JournalRecord[] = []
  private failed = false

  constructor(options: StreamOptions) {
    const { world, tail, log, onFailure } = options
    this.options = options
    this.world = world
    this.durable = tail.seq
    this.published = tail.seq
    this.committer = new Committer(
      tail,
      log,
      (seq) => this.onDurable(seq),
      (error) => {
        this.failed = true
        onFailure(error)
      },
    )
    this.accesses = new AccessLog({
      clock: options.clock,
      overwhelmed: () => this.overwhelmed(),
      append: (record) => this.append({ ...record, seq: this.world.seq + 1 }, NO_BLOCKS),
    })
    this.parking = new ParkingLot((command, origin, principal) =>
      this.submit(command, origin, principal),
    )
  }

  get decided(): number {
    return this.world.seq
  }

  now(): Instant {
    return this.options.clock.now()
  }

  get space(): Space {
    return this.options.space()
  }

  /** Time and chance, as commands are stamped with them. */
  stamp(origin: Origin, principal: Principal): Stamp {
    const { clock, random, space } = this.options
    return { at: clock.now(), origin, principal, random: random(), space: space() }
  }

  /**
   * Decides now. `parked` means: nothing happened, ask `parking.wait`. `blocks` are those that the
   * command names and that no disk has yet.
   */
  submit(
    command: Command,
    origin: Origin,
    principal: Principal = SYSTEM,
    blocks: readonly NewBlock[] = NO_BLOCKS,
  ): Decision | string {
    if (this.failed) return { outcome: { kind: 'refused', why: 'delayed' }, seq: 0 }
    if (this.options.exhausted?.() === true) return NO_ROOM
    this.accesses.flush()
    const stamp = this.stamp(origin, principal)
    const outcome = decide(this.world, command, stamp)
    if (outcome.kind === 'parked') return outcome.wake
    // Remembering what is refused for want of room would take the room that deleting needs.
    if (stamp.space === 'full' && outcome.kind === 'refused') return { outcome, seq: 0 }
    const changes = outcome.kind === 'accepted' && outcome.events.length > 0
    // What changes nothing is remembered when somebody may ask again or wants to know who tried.
    const idle = !changes && outcome.kind === 'accepted'
    if (idle && origin.checksum === 0 && origin.actor === undefined) {
      return { outcome, seq: 0 }
    }
    if (changes && this.joins(command, outcome, origin, blocks)) {
      return { outcome, seq: this.world.seq }
    }
    const record = recordOf(this.world.seq + 1, command, stamp, outcome)
    this.append(record, blocks)
    if (changes) this.follows(record.events, record.share)
    return { outcome, seq: record.seq }
  }

  /** Whether a write became part of the record before it, which has not left yet. */
  private joins(
    command: Command,
    { events }: Accepted,
    origin: Origin,
    blocks: readonly NewBlock[],
  ): boolean {
    const { open } = this.committer
    if (open === undefined || command.type !== 'WriteContent') return false
    const event = plainWrite(events)
    if (event === undefined || !joinWrite(open, command.share, event, origin)) return false
    this.world.amend(open, events)
    this.committer.join(blocks)
    this.follows(events, command.share)
    return true
  }

  /**
   * Nothing more joins the last record, since somebody looks at the world who must not take two
   * states of it for one: unless it comes from `client`, who knows what it has written.
   */
  closeRecord(client?: number): void {
    const { open } = this.committer
    if (open !== undefined && open.origin.client !== client) this.committer.close()
  }

  private follows(events: readonly Event[], share: number): void {
    for (const event of events) {
      this.options.onEvent?.(event, share)
      const wake = wakeOf(event)
      if (wake !== undefined) this.parking.wake(wake)
    }
  }

  /** Remembers an attempt that was refused before it became a command. */
  noteRefusal(
    command: Command['type'] | 'LogIn',
    share: number,
    about: About | undefined,
    why: Refusal,
    origin: Origin,
  ): number {
    return this.note(commandCodes[command], share, about, refusals[why], origin)
  }

  /** Remembers that somebody was let in to administrate. */
  noteLogin(origin: Origin): void {
    this.note(commandCodes.LogIn, 0, undefined, 0, origin)
  }

  private note(
    command: number,
    share: number,
    about: About | undefined,
    refusal: number,
    origin: Origin,
  ): number {
    if (this.failed || this.options.space() === 'full') return 0
    this.accesses.flush()
    const { sec, nsec } = this.options.clock.now()
    const seq = this.world.seq + 1
    const record = { seq, command, sec, nsec, share, origin, refusal, about, events: [] }
    this.append(record, NO_BLOCKS)
    return seq
  }

  /** Whether what nobody waits for should not be remembered now. */
  private overwhelmed(): boolean {
    if (this.failed || this.options.space() === 'full') return true
    return this.committer.backlog() > ACCESS_BACKLOG_MAX
  }

  private append(record: JournalRecord, blocks: readonly NewBlock[]): void {
    this.world.apply(record)
    this.unpublished.push(record)
    this.committer.add(record, blocks)
  }

  private onDurable(seq: number): void {
    this.durable = seq
    fault('stream.durable')
    for (const holder of this.holders) {
      if (!holder.release(seq)) this.holders.delete(holder)
    }
    fault('stream.released')
    this.publish()
  }

  private publish(): void {
    let count = 0
    for (const record of this.unpublished) {
      if (record.seq > this.durable) break
      if (this.published$.observed) this.published$.next(record)
      count += 1
    }
    this.unpublished.splice(0, count)
    this.published = this.durable
  }

  /** `release` will be called from now on, until it says that it holds nothing more. */
  hold(holder: Holder): void {
    this.holders.add(holder)
  }

  /** Resolves when record `seq` is durable. */
  whenDurable(seq: number): Promise<void> {
    if (seq <= this.durable) return Promise.resolve()
    return new Promise((resolve) => {
      this.hold({
        release: (durable) => {
          if (durable < seq) return true
          resolve()
          return false
        },
      })
    })
  }

  /** Bytes that have not left for the disk, and records that are not on it. */
  backlog(): { readonly bytes: number; readonly records: number } {
    return { bytes: this.committer.backlog(), records: this.decided - this.durable }
  }

  stop(): void {
    this.failed = true
    this.accesses.stop()
    this.committer.stop()
    this.holders.clear()
    this.parking.close()
    this.published$.complete()
  }
}
