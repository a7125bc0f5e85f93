import { type Extent, isHole } from '../journal/fields.ts'

/** The part of an extent that lies in [from, to). */
export function slice(extent: Extent, from: number, to: number): Extent {
  return {
    offset: from,
    length: to - from,
    block: extent.block,
    blockOffset: isHole(extent) ? 0 : extent.blockOffset + (from - extent.offset),
  }
}
