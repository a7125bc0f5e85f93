/**
 * Answers audits: from the journal as far as it is durable and indexed, in steps that are taken
 * when whoever asks has read the one before. Follows it, too.
 */
import type { Engine } from '../../commands/engine.ts'
import type { Log } from '../../platform/log.ts'
import { servingNow, unlessLost, whenDurable } from '../admin.ts'
import { Problem } from '../problem.ts'
import type { Running, Serving } from '../running.ts'
import { AuditThread } from './audit-thread.ts'
import type { AuditQuery } from './query.ts'
import { type AuditRequest, criteriaOf, placeOf, timeOf } from './request.ts'
import type { Found, Step } from './scan.ts'

/** Audits that are answered at the same time. */
const AUDITS_MAX = 32
const POLL_MILLIS = 100
/** Who follows hears something at least so often: a blank line. */
const SILENCE_MILLIS = 25_000

interface Place {
  readonly engine: Engine
  readonly thread: AuditThread
}

export class AuditDesk {
  private readonly running: Running
  private readonly log: Log
  private readonly closing = new AbortController()
  private place: Place | undefined
  private audits = 0

  constructor(running: Running, log: Log) {
    this.running = running
    this.log = log
  }

  /** Ends all audits, those that follow among them. */
  async stop(): Promise<void> {
    this.closing.abort()
    await this.leave()
  }

  /**
   * Entries as lines, some at a time. What is wrong with the request is thrown before the first.
   * Ends when there is no more; rejects when the stream breaks, or the server stops before.
   * `signal` aborts when the answer is over, one way or the other.
   */
  async answer(request: AuditRequest, signal: AbortSignal): Promise<AsyncIterable<string>> {
    const serving = servingNow(this.running)
    const { engine } = serving
    const asked = this.queryOf(request, engine)
    if (this.audits >= AUDITS_MAX) {
      throw Problem.of('unavailable', `${AUDITS_MAX} audits are being answered. Try again later.`)
    }
    signal.throwIfAborted()
    this.audits += 1
    signal.addEventListener('abort', () => (this.audits -= 1), { once: true })
    const stop = AbortSignal.any([signal, serving.lost, this.closing.signal])
    const to = await this.indexed(serving)
    const thread = this.threadFor(serving)
    const span = await unlessLost(serving.lost, thread.span(asked.since, asked.until, to))
    const from = Math.max(1, span.from, asked.after.seq)
    const query = { ...asked, from, to: Math.min(span.to, asked.before.seq, to) }
    return this.lines({ serving, query, request, stop }, to)
  }

  private queryOf(request: AuditRequest, { clock, world }: Engine) {
    const now = clock.now()
    const { since, until, order, format, follow, after, before } = request
    if (follow === '1' && (order === 'newest' || until !== undefined || before !== undefined)) {
      throw Problem.of('malformed', 'Who follows reads from old to new, and to no end.')
    }
    return {
      newestFirst: order !== 'oldest' && follow !== '1',
      since: since === undefined ? undefined : timeOf('since', since, now),
      until: until === undefined ? undefined : timeOf('until', until, now),
      after: placeOf(after ?? '0', Number.MAX_SAFE_INTEGER),
      before: placeOf(before ?? String(Number.MAX_SAFE_INTEGER), 0),
      criteria: criteriaOf(request, world.control),
      format: format === 'cef' ? 'cef' : 'json',
    } as const
  }

  /** Everything that was decided by now is durable and indexed up to the record it resolves to. */
  private async indexed(serving: Serving): Promise<number> {
    const { engine, lost } = serving
    engine.stream.accesses.flush()
    const { decided } = engine.stream
    await whenDurable(serving, decided)
    for (;;) {
      const { seq } = await unlessLost(lost, engine.follower.flush())
      if (seq >= decided) return seq
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS))
    }
  }

  private threadFor({ engine, lost }: Serving): AuditThread {
    if (this.place?.engine === engine) return this.place.thread
    // Nobody would end it.
    if (this.closing.signal.aborted) throw Problem.of('unavailable', 'The server is stopping.')
    this.leave().catch((err) => this.log.error({ err }, 'ending the audit thread failed'))
    const { journal: journalDir, projections: storePath } = engine.paths
    const thread = new AuditThread({ journalDir, storePath }, (err) => {
      this.log.error({ err }, 'the audit thread has ended')
      if (this.place?.thread === thread) this.place = undefined
    })
    this.place = { engine, thread }
    // Files of an engine that is opened again may be other ones.
    lost.addEventListener('abort', () => thread.stop().catch(() => undefined), { once: true })
    return thread
  }

  private async leave(): Promise<void> {
    const { place } = this
    this.place = undefined
    await place?.thread.stop()
  }

  private async *lines(audit: Audit, indexed: number): AsyncIterable<string> {
    const { serving, request, stop } = audit
    let left = Number(request.limit ?? Number.MAX_SAFE_INTEGER)
    let { query } = audit
    // Who does not say from where on follows from now on.
    const tail = request.since === undefined && request.after === undefined
    if (follows(audit) && tail) query = { ...query, from: indexed + 1 }
    // Says at once that there is an answer.
    if (follows(audit)) yield '\n'
    for (;;) {
      for await (const { text, count } of this.steps(audit, query, left)) {
        left -= count
        if (count > 0) yield text
      }
      if (!follows(audit) || left <= 0 || stop.aborted) break
      const from = query.to + 1
      for (let to = query.to; to < from; ) {
        to = await this.more(serving.engine, from, stop)
        if (to < from) yield '\n'
        else query = { ...query, from: Math.max(query.from, from), to }
      }
    }
    if (serving.lost.aborted) throw serving.lost.reason
  }

  private async *steps(audit: Audit, query: AuditQuery, most: number): AsyncIterable<Found> {
    const { serving, stop } = audit
    let next: number | undefined = query.newestFirst ? query.to : query.from
    for (let left = most; next !== undefined && left > 0 && query.from <= query.to; ) {
      // What was asked for and is not told yet must not look as if there were none.
      if (this.closing.signal.aborted && !follows(audit)) throw new Error('the server stops')
      if (stop.aborted) return
      const step: Step = { query, at: next, limit: left }
      const found: Found = await unlessLost(serving.lost, this.threadFor(serving).step(step))
      yield found
      left -= found.count
      next = found.next
    }
  }

  /** The last record that can be told of; below `from` when nothing has come for a while. */
  private async more({ world }: Engine, from: number, stop: AbortSignal): Promise<number> {
    for (let waited = 0; waited < SILENCE_MILLIS; waited += POLL_MILLIS) {
      if (stop.aborted || world.stored.seq >= from) return Math.max(world.stored.seq, from)
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS))
    }
    return from - 1
  }
}

interface Audit {
  readonly serving: Serving
  readonly query: AuditQuery
  readonly request: AuditRequest
  readonly stop: AbortSignal
}

const follows = ({ request }: Audit): boolean => request.follow === '1'
