/**
 * Leaves a record of who was let in to administrate, and of who was not. Tokens come with every
 * request: who comes back within a while is not a new login, and refusals are summed up.
 */
import { actorOrigin, TOKEN_NAME } from '../commands/administrator.ts'
import { operations } from '../journal/command-names.ts'
import { RepeatLimiter } from '../platform/repeat-limiter.ts'
import type { Running } from './running.ts'

/** Without a request for so long, the next one is a new login. */
const SESSION_MILLIS = 15 * 60_000
/** Addresses that are remembered; the one that was away longest is forgotten. */
const SESSIONS = 1024

export class LoginRecords {
  private readonly running: Running
  private readonly now: () => number
  private readonly refusals: RepeatLimiter<string>
  /** When each address was last let in; the one that was away longest first. */
  private readonly seen = new Map<string, number>()

  constructor(running: Running, now: () => number = () => performance.now()) {
    this.running = running
    this.now = now
    this.refusals = new RepeatLimiter({ tell: (from, count) => this.refuse(from, count), now })
  }

  accepted(address: string): void {
    const now = this.now()
    const last = this.seen.get(address)
    if (last === undefined || now - last > SESSION_MILLIS) {
      const stream = this.running.serving()?.engine.stream
      // While nothing is served the next request is a login still.
      if (stream === undefined) return
      stream.noteLogin(actorOrigin(operations['api.LOGIN'], address, TOKEN_NAME, 1))
    }
    this.seen.delete(address)
    this.seen.set(address, now)
    if (this.seen.size <= SESSIONS) return
    const oldest = this.seen.keys().next().value
    if (oldest !== undefined) this.seen.delete(oldest)
  }

  refused(address: string): void {
    this.refusals.add(address, address)
  }

  /** False while there is no journal to write to. */
  private refuse(address: string, count: number): boolean {
    const stream = this.running.serving()?.engine.stream
    if (stream === undefined) return false
    const origin = actorOrigin(operations['api.LOGIN'], address, '', count)
    return stream.noteRefusal('LogIn', 0, undefined, 'accessDenied', origin) !== 0
  }

  /** Records what was counted only. */
  flush(): void {
    this.refusals.flush()
  }
}
