/**
 * Remembers operations that change nothing, in shares that want it. They are gathered, and become
 * one record before the next other record, when they are many, or a moment later: so the order of
 * the journal is that in which things happened. No reply waits for them, and none is held back:
 * where they come faster than the disk takes them they are dropped, and the journal says how many.
 */
import type { Principal } from '../auth/principal.ts'
import { AccessBatchWriter } from '../journal/access-batch-writer.ts'
import { commandCodes, operations } from '../journal/command-names.ts'
import type { JournalRecord } from '../journal/record.ts'
import type { Clock, Instant } from '../platform/clock.ts'

/**
 * How long an access may wait for others: what a crash loses of them, and with what is asked for
 * again and again the less work the longer.
 */
const GATHER_MILLIS = 200
/** And in nanoseconds, whatever holds timers up: less than 2^31. */
const GATHER_MAX = 1_000_000_000

export interface AccessLogOptions {
  readonly clock: Clock
  /** Whether no more can be taken now. */
  readonly overwhelmed: () => boolean
  readonly append: (record: Omit<JournalRecord, 'seq'>) => void
}

const SERVER = {
  ...{ op: operations.internal, client: 0, uid: 0, gid: 0 },
  ...{ xid: 0, checksum: 0 },
} as const

export class AccessLog {
  private readonly options: AccessLogOptions
  private readonly writer = new AccessBatchWriter()
  private first: Instant = { sec: 0, nsec: 0 }
  /** The writer has the time, and it need not be asked for again yet. */
  private timed = false
  private readonly timePasses = () => {
    this.timed = false
  }
  private timer: NodeJS.Timeout | undefined
  /** Those that the record to come will tell of. */
  private unsaid = 0
  /** Accesses that were not recorded, since the stream was opened. */
  dropped = 0

  constructor(options: AccessLogOptions) {
    this.options = options
  }

  /** `op` and `refusal` are codes; without a `name` it is about `ino` itself, not an entry. */
  note(
    op: number,
    client: number,
    who: Pick<Principal, 'uid' | 'gid'>,
    share: number,
    refusal: number,
    ino: number,
    name: string,
  ): void {
    const { writer } = this
    if (!this.timed) this.takeTime()
    writer.add(op, client, who, share, refusal, ino, name)
    if (writer.full) {
      this.flush()
      // The timer was for the batch that left: the next one would be cut short by it.
      clearTimeout(this.timer)
      this.flushLater()
    } else if (this.timer === undefined) this.flushLater()
  }

  /** Asking costs a tenth of a look-up: calls that came in one piece have the same time. */
  private takeTime(): void {
    const { writer } = this
    const now = this.options.clock.now()
    if (writer.count > 0 && nanoseconds(this.first, now) > GATHER_MAX) this.flush()
    if (writer.count === 0) this.first = now
    writer.setTime(nanoseconds(this.first, now))
    this.timed = true
    queueMicrotask(this.timePasses)
  }

  private flushLater(): void {
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.flush()
    }, GATHER_MILLIS).unref()
  }

  /** What was gathered becomes a record, if there is anything. */
  flush(): void {
    const { writer, options } = this
    // What follows may have a later time.
    this.timed = false
    if (writer.count === 0 && this.unsaid === 0) return
    if (options.overwhelmed()) {
      this.dropped += writer.count
      this.unsaid += writer.count
      writer.clear()
      if (this.timer === undefined) this.flushLater()
      return
    }
    const { sec, nsec } = writer.count === 0 ? options.clock.now() : this.first
    const accesses = writer.taken(this.unsaid)
    this.unsaid = 0
    writer.clear()
    options.append({
      ...{ command: commandCodes.Access, sec, nsec, share: 0, origin: SERVER },
      ...{ refusal: 0, about: undefined, events: [], accesses },
    })
  }

  stop(): void {
    clearTimeout(this.timer)
  }
}

const nanoseconds = (from: Instant, to: Instant): number =>
  (to.sec - from.sec) * 1_000_000_000 + to.nsec - from.nsec
