import { accepted, type Decide } from '../decider.ts'
import { CUT_MAX } from './resize.ts'

/** Deletes some of the extents that were cut off a file and are still in its extent map. */
export interface SweepContent {
  readonly type: 'SweepContent'
  readonly share: number
  readonly ino: number
  readonly content: number
}

export const sweepContent: Decide<SweepContent> = (world, { share, ino, content }) => {
  const deleted = world.control.shares.get(share)?.deleted !== 0
  const to = deleted ? undefined : world.sweepEnd(share, content, CUT_MAX)
  return accepted(to === undefined ? [] : [{ type: 'ContentSwept', ino, content, to }], ino)
}
