import type { World } from '../../src/projections/world.ts'

/**
 * Extents that are too many for one record are a thousand: few enough files here would have them.
 * Who asks for less than all gets no more than `many`, so that files are cut and swept. `behind`:
 * whether more rows than may wait for the projections on disk, so that sweeps take their time.
 */
export function callManyWhatIs(many: number, world: World, behind: () => boolean): void {
  const { extents } = world
  const { fewExtents, sweepEnd, dirtyCount } = world
  const { count } = extents
  const atMost = (most: number) => (most === Number.POSITIVE_INFINITY ? most : Math.min(most, many))
  world.fewExtents = (share, inode, from, to, most) =>
    fewExtents.call(world, share, inode, from, to, atMost(most))
  world.sweepEnd = (share, content, most) => sweepEnd.call(world, share, content, atMost(most))
  extents.count = (group, from, end, most) => count.call(extents, group, from, end, atMost(most))
  world.dirtyCount = () => (behind() ? Number.POSITIVE_INFINITY : dirtyCount.call(world))
}
