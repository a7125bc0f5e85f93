import type { Refusal } from '../../journal/refusal.ts'
import type { Log } from '../../platform/log.ts'
import { RepeatLimiter } from '../../platform/repeat-limiter.ts'

interface NotTaken {
  readonly share: number
  readonly ino: number
  readonly why: Refusal
}

/**
 * Logs writes that were admitted and then not taken, since the journal takes nothing any more: a
 * line for each reason, and no more than one a minute however often clients try.
 */
export function logNotTaken(log: Log): (share: number, ino: number, why: Refusal) => void {
  const tell = (what: NotTaken, count: number): boolean => {
    log.warn({ ...what, count }, 'the journal does not take what is written')
    return true
  }
  const limiter = new RepeatLimiter({ tell })
  return (share, ino, why) => limiter.add(why, { share, ino, why })
}
