import type { Share } from '../../projections/share.ts'

/**
 * The last record that is forgotten of a share, or of all that had events behind record `seq`: who
 * is behind it cannot be told all that happened since.
 */
export function relevantHorizon(
  shares: Iterable<Share>,
  horizons: ReadonlyMap<number, number>,
  name: string,
  seq: number,
): number {
  let horizon = 0
  for (const share of shares) {
    if (name !== '' && share.name !== name) continue
    if (share.deleted !== 0 && share.deleted <= seq) continue
    horizon = Math.max(horizon, horizons.get(share.id) ?? 0)
  }
  return horizon
}
