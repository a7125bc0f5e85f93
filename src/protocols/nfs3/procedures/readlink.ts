// RFC 1813 section 3.3.5: READLINK - Read from symbolic link.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { nfs_fh3, nfspath3, post_op_attr, result3 } from '../wire-types.ts'

export const READLINK3args = compile(xdr.struct('READLINK3args', { symlink: nfs_fh3 }))
export const READLINK3res = compile(
  result3(
    'READLINK3res',
    xdr.struct('READLINK3resok', { symlink_attributes: post_op_attr, data: nfspath3 }),
    xdr.struct('READLINK3resfail', { symlink_attributes: post_op_attr }),
  ),
)
