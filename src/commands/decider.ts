/**
 * What a decider is: a pure function of a read-only world, a command and its stamp. It does no I/O,
 * looks at no clock and throws for nothing that a client can cause.
 */
import type { Principal } from '../auth/principal.ts'
import type { Event } from '../journal/events.ts'
import type { Extent } from '../journal/fields.ts'
import type { About, Origin } from '../journal/record.ts'
import type { Refusal } from '../journal/refusal.ts'
import type { Instant } from '../platform/clock.ts'
import type { Control } from '../projections/control.ts'
import type { ContentDelta } from '../projections/extent-sums.ts'
import type { Inode } from '../projections/inode.ts'
import type { Usage } from '../projections/rows.ts'
import type { TreeView } from '../projections/tree-view.ts'

/** The world as deciders see it: they can read it and nothing else. */
export interface DecisionWorld {
  live(share: number): TreeView
  /** The share as it was right after record `seq`, which must not be forgotten yet. */
  asOf(share: number, seq: number): TreeView
  /** The last record of a share that is forgotten, or about to be. */
  horizon(share: number): number
  usage(share: number): Usage
  /**
   * Extents over [from, to) of a live file, when they are no more than `most`: to look costs no
   * more than that. Its extent map must be the share's own.
   */
  fewExtents(
    share: number,
    inode: Inode,
    from: number,
    to: number,
    most: number,
  ): readonly Extent[] | undefined
  /** The sums of a live file, on an extent map of its own, when it is cut at `size`. */
  keptSums(share: number, file: Inode, size: number): Readonly<ContentDelta>
  /** How far a sweep of `most` extents that were cut off comes; undefined: there are none. */
  sweepEnd(share: number, content: number, most: number): number | undefined
  readonly control: Pick<
    Control,
    'clients' | 'clientByAddress' | 'groups' | 'shareByName' | 'shares' | 'state' | 'users'
  >
}

/** How much room the disks below have left. */
export type Space =
  /** Enough for anything. */
  | 'free'
  /** Only for what frees some. */
  | 'full'

/** What comes with a command from outside: everything a decider might want to look up. */
export interface Stamp {
  readonly at: Instant
  readonly origin: Origin
  readonly principal: Principal
  /** 32 random bits. */
  readonly random: number
  readonly space: Space
}

export interface Accepted {
  readonly kind: 'accepted'
  readonly events: readonly Event[]
  /** The object that was made or changed, where the protocol's answer names one; else 0. */
  readonly ino: number
}

export interface Refused {
  readonly kind: 'refused'
  readonly why: Refusal
}

/** Ask again when `wake` fires: the only way to wait. */
export interface Parked {
  readonly kind: 'parked'
  readonly wake: string
}

export type Outcome = Accepted | Refused | Parked

export type Decide<C> = (world: DecisionWorld, command: C, stamp: Stamp) => Outcome

export const accepted = (events: readonly Event[], ino = 0): Accepted => ({
  kind: 'accepted',
  events,
  ino,
})
export const refused = (why: Refusal): Refused => ({ kind: 'refused', why })
export const parked = (wake: string): Parked => ({ kind: 'parked', wake })

/** For the record of a refused command: what it was about. */
export const aboutNode = (ino: number): About => ({ ino, dir: 0, name: '', toDir: 0, toName: '' })
export const aboutEntry = (dir: number, name: string): About => ({
  ino: 0,
  dir,
  name,
  toDir: 0,
  toName: '',
})
