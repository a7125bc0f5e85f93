// RFC 1813 section 3.3.3: LOOKUP - Lookup filename.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { diropargs3, nfs_fh3, post_op_attr, result3 } from '../wire-types.ts'

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
