/** Every version of what a path has named: when it came, who made it, from where and how. */
import { commandNameOf, operationNameOf } from '../../journal/command-names.ts'
import type { JournalRecord } from '../../journal/record.ts'
import type { Refusal } from '../../journal/refusal.ts'
import type { Inode } from '../../projections/inode.ts'
import { nodeId } from '../../projections/node-id.ts'
import type { Share } from '../../projections/share.ts'
import type { RowVersion } from '../../projections/table.ts'
import type { World } from '../../projections/world.ts'
import { timeName } from '../moments.ts'
import { type SharePath, walk } from './share-path.ts'

export interface PastVersion {
  readonly seq: number
  readonly time: string
  /** What happened: `created`, `content`, `attributes`, `moved here`, `removed` … */
  readonly change: string
  readonly user: string
  readonly uid: number
  readonly client: string
  readonly operation: string
  readonly size: number
  readonly mode: number
  readonly inode: number
}

/** How records are read back and who they speak of is named. */
export interface Reading {
  readonly world: World
  record(seq: number): Promise<JournalRecord>
}

/** Versions listed at most; who wants earlier ones asks with a later `before`. */
const VERSIONS_MAX = 10_000

/** The versions of a path, the last one first; those before record `before` only. */
export async function* historyOf(
  reading: Reading,
  { share, names }: SharePath,
  before = Number.MAX_SAFE_INTEGER,
): AsyncIterable<PastVersion> {
  let count = 0
  for (const { ino, from, until } of tenures(reading.world, share, names)) {
    const versions = reading.world.inodes.versions(nodeId(share.id, ino), 0)
    if (until !== undefined && until < before) {
      yield await versionOf(reading, until, 'removed or moved away', ino, undefined)
    }
    let later: RowVersion<Inode> | undefined
    for (const version of [...versions, undefined]) {
      // What was changed shows only beside the version before it.
      if (
        later !== undefined &&
        later.from >= from &&
        later.from < Math.min(before, until ?? before)
      ) {
        const change = changeOf(version?.value, later.value, later.from === from)
        yield await versionOf(reading, later.from, change, ino, later.value)
        count += 1
        if (count >= VERSIONS_MAX) return
      }
      later = version
    }
  }
}

interface Tenure {
  readonly ino: number
  readonly from: number
  /** undefined: it still has the path. */
  readonly until: number | undefined
}

/** Which inodes have had the last name of a way, the last one first. */
function* tenures(world: World, share: Share, names: readonly string[]): Iterable<Tenure> {
  const name = names.at(-1)
  const view = world.live(share.id)
  if (name === undefined) {
    yield { ino: walkOrThrow(walk(view, names)), from: 0, until: undefined }
    return
  }
  const dir = walkOrThrow(walk(view, names.slice(0, -1)))
  let later: Tenure | undefined
  for (const { value, from, until } of world.entries.versions(nodeId(share.id, dir), name)) {
    if (value.ino === 0) continue
    // Renaming within a directory gives an entry anew; the object stays.
    if (later?.ino === value.ino && later.from === until) {
      later = { ...later, from }
      continue
    }
    if (later !== undefined) yield later
    later = { ino: value.ino, from, until }
  }
  if (later !== undefined) yield later
}

/** The path's directory is not there: there is nothing to tell a history of. */
export class NoSuchPathError extends Error {
  override readonly name = 'NoSuchPathError'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(`no such path: ${refusal}`)
    this.refusal = refusal
  }
}

function walkOrThrow(found: number | Refusal): number {
  if (typeof found === 'string') throw new NoSuchPathError(found)
  return found
}

function changeOf(before: Inode | undefined, after: Inode, arrived: boolean): string {
  if (before === undefined) return 'created'
  const changes: string[] = []
  if (arrived || before.parent !== after.parent || before.cookie !== after.cookie) {
    changes.push('moved')
  }
  const content = before.contentA !== after.contentA || before.contentB !== after.contentB
  if (content || before.size !== after.size) changes.push('content')
  if (before.mode !== after.mode) changes.push('mode')
  if (before.uid !== after.uid || before.gid !== after.gid) changes.push('owner')
  if (before.nlink !== after.nlink) changes.push('links')
  if (before.entries !== after.entries) changes.push('entries')
  if (changes.length > 0) return changes.join(', ')
  const read = before.atimeSec !== after.atimeSec || before.atimeNsec !== after.atimeNsec
  return read ? 'times' : 'times or entries'
}

async function versionOf(
  { world, record }: Reading,
  seq: number,
  change: string,
  inode: number,
  value: Inode | undefined,
): Promise<PastVersion> {
  const { origin, sec, nsec, command } = await record(seq)
  return {
    seq,
    time: timeName({ sec, nsec }),
    change,
    user: world.control.users.get(origin.uid)?.name ?? String(origin.uid),
    uid: origin.uid,
    client: clientName(world, origin.client),
    operation: operationNameOf(origin.op) ?? commandNameOf(command) ?? String(command),
    size: value?.size ?? 0,
    mode: value?.mode ?? 0,
    inode,
  }
}

/** The address of a client, also of one that was forgotten since. */
export function clientName(world: World, client: number): string {
  if (client === 0) return 'server'
  return world.control.clients.get(client)?.address ?? `client ${client}`
}
