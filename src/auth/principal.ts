/** Who a command is from, after the share has squashed it. */
export interface Principal {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups; may or may not hold `gid`. */
  readonly gids: readonly number[]
}

export const ROOT_UID = 0

export const isRoot = (principal: Principal): boolean => principal.uid === ROOT_UID

export function inGroup({ gid, gids }: Principal, group: number): boolean {
  return gid === group || gids.includes(group)
}

/** The server itself: timers, sealing, administration. */
export const SYSTEM: Principal = { uid: ROOT_UID, gid: 0, gids: [] }

export interface Squash {
  readonly squash: 'none' | 'root' | 'all'
  readonly anonUid: number
  readonly anonGid: number
}

/** What a share makes of whom a client says it is (exports(5): root_squash, all_squash). */
export function squashed(claimed: Principal, options: Squash): Principal {
  const { squash, anonUid, anonGid } = options
  if (squash === 'none') return claimed
  if (squash === 'all') return { uid: anonUid, gid: anonGid, gids: [] }
  const rootless = claimed.gids.includes(0)
    ? claimed.gids.map((gid) => (gid === 0 ? anonGid : gid))
    : claimed.gids
  if (claimed.uid !== ROOT_UID && claimed.gid !== 0 && rootless === claimed.gids) return claimed
  return {
    uid: claimed.uid === ROOT_UID ? anonUid : claimed.uid,
    gid: claimed.gid === 0 ? anonGid : claimed.gid,
    gids: rootless,
  }
}
