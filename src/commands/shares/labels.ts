/** Labels, which name a moment, and holds, which keep the past from being forgotten. */
import { markedAt } from '../../projections/share.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { isLabel } from '../moments.ts'

export interface SetLabel {
  readonly type: 'SetLabel'
  readonly share: number
  readonly label: string
  /** The record after which the moment is. */
  readonly seq: number
}

export interface RemoveLabel {
  readonly type: 'RemoveLabel'
  readonly share: number
  readonly label: string
}

export interface PlaceHold {
  readonly type: 'PlaceHold'
  readonly share: number
  readonly hold: string
  readonly seq: number
}

export interface ReleaseHold {
  readonly type: 'ReleaseHold'
  readonly share: number
  readonly hold: string
}

const LABELS_MAX = 1000

export const setLabel: Decide<SetLabel> = (world, { share: id, label, seq }) => {
  const share = world.control.shares.get(id)
  if (share === undefined || share.deleted !== 0) return refused('unknown')
  if (!isLabel(label) || !Number.isSafeInteger(seq) || seq < 1) return refused('invalid')
  const known = Object.keys(share.labels)
  if (!known.includes(label) && known.length >= LABELS_MAX) return refused('noSpace')
  return accepted([{ type: 'LabelSet', share: id, label, seq }], id)
}

export const removeLabel: Decide<RemoveLabel> = (world, { share: id, label }) => {
  const share = world.control.shares.get(id)
  if (share === undefined || markedAt(share.labels, label) === undefined) return refused('unknown')
  return accepted([{ type: 'LabelRemoved', share: id, label }], id)
}

export const placeHold: Decide<PlaceHold> = (world, { share: id, hold, seq }) => {
  const share = world.control.shares.get(id)
  if (share === undefined) return refused('unknown')
  if (!isLabel(hold) || !Number.isSafeInteger(seq) || seq < 1) return refused('invalid')
  if (seq < world.horizon(id)) return refused('outOfRetention')
  const known = Object.keys(share.holds)
  if (known.includes(hold)) return refused('exists')
  if (known.length >= LABELS_MAX) return refused('noSpace')
  return accepted([{ type: 'HoldPlaced', share: id, hold, seq }], id)
}

export const releaseHold: Decide<ReleaseHold> = (world, { share: id, hold }) => {
  const share = world.control.shares.get(id)
  if (share === undefined || markedAt(share.holds, hold) === undefined) return refused('unknown')
  return accepted([{ type: 'HoldReleased', share: id, hold }], id)
}
