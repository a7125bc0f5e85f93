// RFC 1813 section 3.3.2: SETATTR - Set file attributes.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { nfs_fh3, nfstime3, result3, sattr3, wcc_data } from '../wire-types.ts'

export const SETATTR3args = compile(
  xdr.struct('SETATTR3args', {
    object: nfs_fh3,
    new_attributes: sattr3,
    guard: xdr.optional(nfstime3),
  }),
)
const resboth = xdr.struct('SETATTR3resok', { obj_wcc: wcc_data })
export const SETATTR3res = compile(result3('SETATTR3res', resboth, resboth))
