// RFC 1813 section 3.3.18: FSSTAT - Get dynamic file system information.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { nfs_fh3, post_op_attr, result3 } from '../wire-types.ts'

export const FSSTAT3args = compile(xdr.struct('FSSTAT3args', { fsroot: nfs_fh3 }))
export const FSSTAT3res = compile(
  result3(
    'FSSTAT3res',
    xdr.struct('FSSTAT3resok', {
      obj_attributes: post_op_attr,
      tbytes: xdr.uint53,
      fbytes: xdr.uint53,
      abytes: xdr.uint53,
      tfiles: xdr.uint53,
      ffiles: xdr.uint53,
      afiles: xdr.uint53,
      invarsec: xdr.u32,
    }),
    xdr.struct('FSSTAT3resfail', { obj_attributes: post_op_attr }),
  ),
)
