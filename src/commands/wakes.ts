import type { Event } from '../journal/events.ts'
import { thawOf } from './tree/checks.ts'

/** What an event sets free: the wake key of commands that may be decided now. */
export function wakeOf(event: Event): string | undefined {
  const thaws = event.type === 'ShareOptionsChanged' || event.type === 'ShareDeleted'
  return thaws ? thawOf(event.share) : undefined
}
