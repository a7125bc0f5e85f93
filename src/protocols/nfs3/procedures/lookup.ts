// RFC 1813 section 3.3.3: LOOKUP - Lookup filename.
import { MAY_EXECUTE, mayAccess } from '../../../auth/access.ts'
import { nameForbids } from '../../../commands/tree/checks.ts'
import type { Refusal } from '../../../journal/refusal.ts'
import { fileKind } from '../../../projections/inode.ts'
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { type Nfs3, NOW, type Opened } from '../context.ts'
import { queryProcedure } from '../query.ts'
import { nfs3Status } from '../status.ts'
import { diropargs3, nfs_fh3, OK, post_op_attr, result3 } from '../wire-types.ts'

export const LOOKUP3args = compile(xdr.struct('LOOKUP3args', { what: diropargs3 }))
export const LOOKUP3res = compile(
  result3(
    'LOOKUP3res',
    xdr.struct('LOOKUP3resok', {
      object: nfs_fh3,
      obj_attributes: post_op_attr,
      dir_attributes: post_op_attr,
    }),
    xdr.struct('LOOKUP3resfail', { dir_attributes: post_op_attr }),
  ),
)

/** The inode number that a name stands for, or why it stands for none. */
function find({ view, ino, inode, principal }: Opened, name: string): number | Refusal {
  if (inode.kind !== fileKind.directory) return 'notDirectory'
  if (!mayAccess(inode, principal, MAY_EXECUTE)) return 'accessDenied'
  if (name === '.') return ino
  if (name === '..') return inode.parent
  return nameForbids(name) ?? view.entry(ino, name)?.ino ?? 'noEntry'
}

export const lookup = (nfs: Nfs3) =>
  queryProcedure(nfs, {
    number: 3,
    name: 'LOOKUP',
    args: LOOKUP3args,
    res: LOOKUP3res,
    about: ({ what }) => ({ handle: what.dir, name: what.name }),
    run: (_, { what }, call) => {
      const dir = nfs.open(what.dir, call)
      if (typeof dir === 'string') return { status: nfs3Status[dir], dir_attributes: undefined }
      const dir_attributes = nfs.attributes(dir)
      const ino = find(dir, what.name)
      if (typeof ino === 'string') return { status: nfs3Status[ino], dir_attributes }
      const { share, view, asOf } = dir
      const inode = view.inode(ino)
      if (inode === undefined) return { status: nfs3Status.serverFault, dir_attributes }
      return {
        status: OK,
        object: nfs.handleOf(share, ino, inode, asOf),
        obj_attributes: nfs.attributesIn(share, view, ino, asOf === NOW),
        dir_attributes,
      }
    },
  })
