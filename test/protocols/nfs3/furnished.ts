/** A share to be asked and changed in every way. */
import type { ServedShare } from '../served-share.ts'
import { type ProcedureName, validCalls } from './valid-calls.ts'

export const changing: readonly ProcedureName[] = [
  'setattr',
  'write',
  'create',
  'mkdir',
  'symlink',
  'mknod',
  'remove',
  'rmdir',
  'rename',
  'link',
]
export const asking: readonly ProcedureName[] = [
  'getattr',
  'access',
  'read',
  'readlink',
  'readdir',
  'readdirplus',
  'fsstat',
  'fsinfo',
  'pathconf',
]

/** A directory with something in it, and a call of each procedure that fits. */
export async function furnished(share: ServedShare) {
  const { session, dir } = await share.workplace()
  const file = await session.create(dir, 'file', { data: 'content' })
  const symlink = await session.symlink(dir, 'symlink', 'target')
  return { session, dir, file, calls: validCalls({ dir, file, symlink }, 'name') }
}
