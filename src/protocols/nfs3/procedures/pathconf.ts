// RFC 1813 section 3.3.20: PATHCONF - Retrieve POSIX information.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { nfs_fh3, post_op_attr, result3 } from '../wire-types.ts'

export const PATHCONF3args = compile(xdr.struct('PATHCONF3args', { object: nfs_fh3 }))
export const PATHCONF3res = compile(
  result3(
    'PATHCONF3res',
    xdr.struct('PATHCONF3resok', {
      obj_attributes: post_op_attr,
      linkmax: xdr.u32,
      name_max: xdr.u32,
      no_trunc: xdr.bool,
      chown_restricted: xdr.bool,
      case_insensitive: xdr.bool,
      case_preserving: xdr.bool,
    }),
    xdr.struct('PATHCONF3resfail', { obj_attributes: post_op_attr }),
  ),
)
