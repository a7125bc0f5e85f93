import { SHARE_MAX } from '../../projections/node-id.ts'
import type { ShareOptions } from '../../projections/share.ts'
import { accepted, type Decide, type DecisionWorld, refused } from '../decider.ts'
import { isShareName } from './create-share.ts'
import { invalidOptions } from './share-options.ts'

/** Makes a writable share that begins as another one was at a moment. */
export interface ForkShare {
  readonly type: 'ForkShare'
  readonly base: number
  /** The record after which the moment is. */
  readonly seq: number
  readonly name: string
  /** Where they differ from the base's. */
  readonly options: Partial<ShareOptions>
  /** What the base held at the moment; it was counted, since it is not kept for every moment. */
  readonly inodes: number
  readonly bytes: number
}

/** Forks of forks: each look-up may have to go through all of them. */
const DEPTH_MAX = 8

export const forkShare: Decide<ForkShare> = (world, command, { random }) => {
  const { base, seq, name, options, inodes, bytes } = command
  const from = world.control.shares.get(base)
  if (from === undefined || from.deleted !== 0) return refused('unknown')
  // What a fork stands on is kept from now on, which must not be too late.
  if (seq < world.horizon(base)) return refused('outOfRetention')
  if (!isShareName(name) || invalidOptions(options).length > 0) return refused('invalid')
  if (world.control.shareByName(name) !== undefined) return refused('exists')
  if (depthOf(world, base) >= DEPTH_MAX) return refused('notSupported')
  const share = world.control.state.nextShare
  if (share > SHARE_MAX) return refused('noSpace')
  const all = { ...from.options, ...options }
  const { nextIno } = world.usage(base)
  const counts = { nextIno, inodes, bytes }
  const event = { share, name, generation: random, base, seq, ...counts, options: all }
  return accepted([{ type: 'ShareForked', ...event }], share)
}

function depthOf(world: DecisionWorld, share: number): number {
  const base = world.control.shares.get(share)?.base
  return base === undefined ? 1 : 1 + depthOf(world, base.share)
}
