/** Which events a consumer wants. */
import type { FeedType } from './event-types.ts'
import type { FeedEvent } from './feed-event.ts'

export interface FeedFilter {
  /** The name of a share; '' for all. */
  readonly share: string
  /** A path in it, as bytes (latin1), without a slash at its end; '' for all of it. */
  readonly path: string
  /** Empty: all. */
  readonly types: readonly FeedType[]
}

export const filterKey = ({ share, path, types }: FeedFilter): string =>
  JSON.stringify([share, path, [...types].sort()])

export function matcher({ share, path, types }: FeedFilter): (event: FeedEvent) => boolean {
  const wanted = new Set<FeedType>(types)
  return (event) => {
    if (share !== '' && event.share !== share) return false
    if (wanted.size > 0 && !wanted.has(event.type)) return false
    return path === '' || touches(event, path)
  }
}

/**
 * Whether an event is about something in the subtree of `path`. Of a directory that was renamed
 * that includes what lay below its old name and lies below its new one.
 */
function touches({ paths, everywhere, tree }: FeedEvent, path: string): boolean {
  if (everywhere) return true
  return paths.some((at) => isWithin(at, path) || (tree && isWithin(path, at)))
}

function isWithin(path: string, above: string): boolean {
  if (!path.startsWith(above)) return false
  return path.length === above.length || path[above.length] === '/'
}
