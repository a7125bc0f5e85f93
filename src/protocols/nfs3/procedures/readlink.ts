// RFC 1813 section 3.3.5: READLINK - Read from symbolic link.
import { fileKind } from '../../../projections/inode.ts'
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import type { Nfs3 } from '../context.ts'
import { queryProcedure } from '../query.ts'
import { nfs3Status } from '../status.ts'
import { nfs_fh3, nfspath3, OK, post_op_attr, result3 } from '../wire-types.ts'

export const READLINK3args = compile(xdr.struct('READLINK3args', { symlink: nfs_fh3 }))
export const READLINK3res = compile(
  result3(
    'READLINK3res',
    xdr.struct('READLINK3resok', { symlink_attributes: post_op_attr, data: nfspath3 }),
    xdr.struct('READLINK3resfail', { symlink_attributes: post_op_attr }),
  ),
)

export const readlink = (nfs: Nfs3) =>
  queryProcedure(nfs, {
    number: 5,
    name: 'READLINK',
    args: READLINK3args,
    res: READLINK3res,
    run: (_, { symlink }, call) => {
      const opened = nfs.open(symlink, call)
      if (typeof opened === 'string') {
        return { status: nfs3Status[opened], symlink_attributes: undefined }
      }
      const symlink_attributes = nfs.attributes(opened)
      const { inode } = opened
      if (inode.kind !== fileKind.symlink) {
        return { status: nfs3Status.invalid, symlink_attributes }
      }
      nfs.keepAccessTime(opened, 'nfs3.READLINK', call)
      return { status: OK, symlink_attributes, data: inode.target }
    },
  })
