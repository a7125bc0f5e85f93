import type { JournalRecord } from '../journal/record.ts'
import type { Instant } from '../platform/clock.ts'

export interface Change {
  readonly seq: number
  readonly at: Instant
}

const KEPT = 256

/** When shares were changed last: at most one moment a second each, the last one in it. */
export class RecentChanges {
  private readonly shares = new Map<number, Change[]>()

  add({ share, seq, sec, nsec, events }: JournalRecord): void {
    if (share === 0 || events.length === 0) return
    let changes = this.shares.get(share)
    if (changes === undefined) {
      changes = []
      this.shares.set(share, changes)
    }
    if (changes.at(-1)?.at.sec === sec) changes.pop()
    changes.push({ seq, at: { sec, nsec } })
    if (changes.length > KEPT) changes.shift()
  }

  /** The last ones, oldest first. */
  recent(share: number, count: number): readonly Change[] {
    return (this.shares.get(share) ?? []).slice(-count)
  }
}
