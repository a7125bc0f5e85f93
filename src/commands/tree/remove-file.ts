import { fileKind } from '../../projections/inode.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { isDot, shareForbids } from './checks.ts'
import { removal, victimOf } from './remove-entry.ts'

/** Removes a name that is not a directory's. */
export interface RemoveFile {
  readonly type: 'RemoveFile'
  readonly share: number
  readonly dir: number
  readonly name: string
}

export const removeFile: Decide<RemoveFile> = (world, { share, dir, name }, stamp) => {
  const forbidden = shareForbids(world, share)
  if (forbidden !== undefined) return forbidden
  if (isDot(name)) return refused('invalid')
  const victim = victimOf(world, share, dir, name, stamp)
  if (typeof victim === 'string') return refused(victim)
  if (victim.inode.kind === fileKind.directory) return refused('isDirectory')
  return accepted(removal(dir, name, victim), victim.ino)
}
