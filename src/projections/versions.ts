/** What a row of a tree has been, through the shares that a fork stands on. */
import type { Inode } from './inode.ts'
import { nodeId } from './node-id.ts'
import type { Entry } from './rows.ts'
import type { RowVersion } from './table-spec.ts'
import type { World } from './world.ts'

type Read<V> = (share: number, upTo: number) => Iterable<RowVersion<V>>

/** The last one first. A row of a fork hides what is below it, tombstones too. */
function* chained<V>(
  world: World,
  share: number,
  upTo: number,
  read: Read<V>,
  dead: (value: V) => boolean,
): Iterable<RowVersion<V>> {
  /** Where the version that comes next was replaced by the one before. */
  let boundary: number | undefined
  let [id, last]: [number, number] = [share, upTo]
  for (;;) {
    for (const { value, from, until } of read(id, last)) {
      const end = until === undefined || until > last ? boundary : until
      if (!dead(value)) yield { value, from, until: end }
      boundary = from
    }
    const base = world.control.shares.get(id)?.base
    if (base === undefined) return
    ;[id, last] = [base.share, Math.min(last, base.seq)]
  }
}

/** What a name in a directory has stood for, from record `upTo` back. */
export const entryVersions = (
  world: World,
  share: number,
  dir: number,
  name: string,
  upTo = Number.MAX_SAFE_INTEGER,
): Iterable<RowVersion<Entry>> =>
  chained(
    world,
    share,
    upTo,
    (id, last) => world.entries.versions(nodeId(id, dir), name, last),
    ({ ino }) => ino === 0,
  )

/** What an object has been, from record `upTo` back. */
export const inodeVersions = (
  world: World,
  share: number,
  ino: number,
  upTo = Number.MAX_SAFE_INTEGER,
): Iterable<RowVersion<Inode>> =>
  chained(
    world,
    share,
    upTo,
    (id, last) => world.inodes.versions(nodeId(id, ino), 0, last),
    ({ kind }) => kind === 0,
  )
