// RFC 1813 section 3.3.4: ACCESS - Check access permission.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { nfs_fh3, post_op_attr, result3 } from '../wire-types.ts'

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
