/**
 * Inode numbers count within their share; tables of all shares lie side by side. A node id is both
 * in one number: share * 2^40 + ino, at most 2^53.
 */
const PER_SHARE = 2 ** 40
export const SHARE_MAX = 2 ** 13 - 1
export const INO_MAX = PER_SHARE - 1

export const nodeId = (share: number, ino: number): number => share * PER_SHARE + ino
export const shareOf = (id: number): number => Math.floor(id / PER_SHARE)
export const inoOf = (id: number): number => id % PER_SHARE
