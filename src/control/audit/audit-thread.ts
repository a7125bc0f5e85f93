import type { Instant } from '../../platform/clock.ts'
import { Thread } from '../../platform/thread.ts'
import type { Found, Step } from './scan.ts'

export interface AuditThreadData {
  readonly journalDir: string
  readonly storePath: string
}

/** The records of a span of time. `from` > `to`: there are none. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** Reads the journal for audits: whatever they ask for, clients do not wait for it. */
export class AuditThread {
  private readonly thread: Thread

  constructor(data: AuditThreadData, onCrash: (error: Error) => void) {
    const url = new URL('./audit-worker.ts', import.meta.url)
    this.thread = new Thread(url, { name: 'audit', data, onCrash })
  }

  /** Which records up to `to` may be of a span of time. */
  span(since: Instant | undefined, until: Instant | undefined, to: number): Promise<Span> {
    return this.thread.call('span', { since, until, to })
  }

  step(step: Step): Promise<Found> {
    return this.thread.call('step', step)
  }

  stop(): Promise<void> {
    return this.thread.stop()
  }
}
