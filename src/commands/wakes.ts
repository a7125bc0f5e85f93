import type { JournalRecord } from '../journal/record.ts'
import { thawOf } from './tree/checks.ts'

/** What a record sets free: the wake keys of commands that may be decided now. */
export function wakesOf({ events }: JournalRecord): readonly string[] {
  const wakes: string[] = []
  for (const event of events) {
    if (event.type === 'ShareOptionsChanged' || event.type === 'ShareDeleted') {
      wakes.push(thawOf(event.share))
    }
  }
  return wakes
}
