// RFC 1813 section 3.3.4: ACCESS - Check access permission.
import { grantedBits, MAY_EXECUTE, MAY_READ, MAY_WRITE } from '../../../auth/access.ts'
import { isRoot } from '../../../auth/principal.ts'
import { fileKind } from '../../../projections/inode.ts'
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { type Nfs3, NOW, type Opened } from '../context.ts'
import { queryProcedure } from '../query.ts'
import { nfs3Status } from '../status.ts'
import { nfs_fh3, OK, post_op_attr, result3 } from '../wire-types.ts'

export const ACCESS3 = {
  READ: 0x01,
  LOOKUP: 0x02,
  MODIFY: 0x04,
  EXTEND: 0x08,
  DELETE: 0x10,
  EXECUTE: 0x20,
} as const

export const ACCESS3args = compile(xdr.struct('ACCESS3args', { object: nfs_fh3, access: xdr.u32 }))
export const ACCESS3res = compile(
  result3(
    'ACCESS3res',
    xdr.struct('ACCESS3resok', { obj_attributes: post_op_attr, access: xdr.u32 }),
    xdr.struct('ACCESS3resfail', { obj_attributes: post_op_attr }),
  ),
)

function accessOf({ share, inode, principal, asOf }: Opened): number {
  const granted = grantedBits(inode, principal)
  const directory = inode.kind === fileKind.directory
  let access = 0
  if ((granted & MAY_READ) !== 0) access |= ACCESS3.READ
  if ((granted & MAY_WRITE) !== 0 && !share.options.readOnly && asOf === NOW) {
    access |= ACCESS3.MODIFY | ACCESS3.EXTEND
    // Says of a directory whether its entries may be deleted; of a file it says nothing.
    if (directory) access |= ACCESS3.DELETE
  }
  // Root may search any directory, but execute only what somebody may.
  if ((granted & MAY_EXECUTE) !== 0 || (directory && isRoot(principal))) {
    access |= directory ? ACCESS3.LOOKUP : ACCESS3.EXECUTE
  }
  return access
}

export const access = (nfs: Nfs3) =>
  queryProcedure(nfs, {
    number: 4,
    name: 'ACCESS',
    args: ACCESS3args,
    res: ACCESS3res,
    run: (_, { object, access: asked }, call) => {
      const opened = nfs.open(object, call)
      if (typeof opened === 'string') {
        return { status: nfs3Status[opened], obj_attributes: undefined }
      }
      const obj_attributes = nfs.attributes(opened)
      return { status: OK, obj_attributes, access: accessOf(opened) & asked }
    },
  })
