import { accepted, type Decide, type DecisionWorld } from '../decider.ts'

/**
 * Ends the past of a share, or of the control plane (0), with a record: earlier moments are out of
 * retention from then on, also for whoever makes projections anew from the journal. Shares must be
 * told of in descending order, forks before what they stand on, and the control plane last.
 */
export interface ForgetPast {
  readonly type: 'ForgetPast'
  readonly of: number
  /** The last record that need not be readable as of any more, holds and forks left aside. */
  readonly seq: number
}

export const forgetPast: Decide<ForgetPast> = (world, { of: share, seq: wanted }) => {
  const seq = Math.min(wanted, share === 0 ? leastOf(world) : neededOf(world, share))
  return accepted(seq > world.horizon(share) ? [{ type: 'PastForgotten', share, seq }] : [])
}

/** The control plane is remembered for as long as any share is. */
function leastOf(world: DecisionWorld): number {
  const { shares } = world.control
  let least = shares.size === 0 ? 0 : Number.POSITIVE_INFINITY
  for (const { id } of shares.values()) least = Math.min(least, world.horizon(id))
  return least
}

/** What holds and forks leave. A fork needs its base as of the moment it began at. */
function neededOf(world: DecisionWorld, share: number): number {
  const holds = Object.values(world.control.shares.get(share)?.holds ?? {})
  let needed = Math.min(...holds) - 1
  for (const { id, deleted, base } of world.control.shares.values()) {
    const gone = deleted !== 0 && deleted <= world.horizon(id)
    if (base?.share === share && !gone) needed = Math.min(needed, base.seq)
  }
  return needed
}
