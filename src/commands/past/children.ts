import { FIRST_COOKIE } from '../../projections/inode.ts'
import type { Listing } from '../../projections/rows.ts'
import type { TreeView } from '../../projections/tree-view.ts'

/** Entries read at once: a directory can have millions. */
const PORTION = 200

/**
 * The entries of a directory, read in portions, so that the caller may wait in between and change
 * the directory meanwhile. What is added behind the place that was reached is read too.
 */
export function* childrenOf(view: TreeView, dir: number): Iterable<Listing> {
  for (let cookie = FIRST_COOKIE; ; ) {
    const portion: Listing[] = []
    for (const [at, listing] of view.list(dir, cookie)) {
      portion.push(listing)
      cookie = at + 1
      if (portion.length === PORTION) break
    }
    yield* portion
    if (portion.length < PORTION) return
  }
}
