import { type Extent, isHole } from '../journal/fields.ts'

/** How a change moved a file's sums. The digest parts are modulo 2^32: small integers. */
export interface ContentDelta {
  used: number
  a: number
  b: number
}

/** Adds an extent to a file's sums, or takes it away. */
export function countExtent(delta: ContentDelta, extent: Extent, sign: 1 | -1): void {
  if (!isHole(extent)) delta.used += sign * extent.length
  let a = Math.imul(extent.offset | 0, 0x9e3779b1) ^ ((extent.offset / 2 ** 32) | 0)
  let b = Math.imul(extent.length, 0x85ebca77) ^ extent.blockOffset
  const { block } = extent
  for (let i = 0; i < block.length; i++) {
    a = Math.imul(a ^ block.charCodeAt(i), 0x01000193)
    b = Math.imul(b ^ a, 0x7feb352d)
  }
  a = Math.imul(a ^ (b >>> 15), 0x846ca68b)
  b = Math.imul(b ^ (a >>> 13), 0x9e3779b1)
  delta.a = (delta.a + sign * a) | 0
  delta.b = (delta.b + sign * b) | 0
}

/** The sums over the extents of a map behind an offset, gathered step by step while it changes. */
export class ExtentCount {
  readonly group: number
  readonly from: number
  /** Where to go on: extents that begin before it are counted. */
  at: number
  readonly sums: ContentDelta = { used: 0, a: 0, b: 0 }

  constructor(group: number, from: number) {
    this.group = group
    this.from = from
    this.at = from
  }

  /** An extent of the map has come, or gone. */
  changed(group: number, extent: Extent, sign: 1 | -1): void {
    if (group !== this.group || extent.offset < this.from || extent.offset >= this.at) return
    countExtent(this.sums, extent, sign)
  }
}
