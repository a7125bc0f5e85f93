import { commandCodes } from './command-names.ts'
import type { EventOf } from './events.ts'
import { type Extent, isHole } from './fields.ts'

const NONE: readonly Extent[] = []

/**
 * Those of an event's extents whose bytes its command has changed. A new size writes nothing: data
 * that it names has only moved to another extent map.
 */
export function writtenExtents(
  command: number,
  { extents }: EventOf<'ContentChanged'>,
): readonly Extent[] {
  const writes = command === commandCodes.WriteContent || command === commandCodes.RestoreInode
  return writes || extents.every(isHole) ? extents : NONE
}
