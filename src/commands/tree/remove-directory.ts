import { fileKind } from '../../projections/inode.ts'
import { accepted, type Decide, refused } from '../decider.ts'
import { shareForbids } from './checks.ts'
import { removal, victimOf } from './remove-entry.ts'

/** Removes an empty directory. */
export interface RemoveDirectory {
  readonly type: 'RemoveDirectory'
  readonly share: number
  readonly dir: number
  readonly name: string
}

export const removeDirectory: Decide<RemoveDirectory> = (world, { share, dir, name }, stamp) => {
  const forbidden = shareForbids(world, share)
  if (forbidden !== undefined) return forbidden
  if (name === '.') return refused('invalid')
  if (name === '..') return refused('notEmpty')
  const victim = victimOf(world, share, dir, name, stamp)
  if (typeof victim === 'string') return refused(victim)
  if (victim.inode.kind !== fileKind.directory) return refused('notDirectory')
  if (victim.inode.entries > 0) return refused('notEmpty')
  return accepted(removal(dir, name, victim), victim.ino)
}
