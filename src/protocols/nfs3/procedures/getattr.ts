// RFC 1813 section 3.3.1: GETATTR - Get file attributes.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { fattr3, nfs_fh3, result3 } from '../wire-types.ts'

export const GETATTR3args = compile(xdr.struct('GETATTR3args', { object: nfs_fh3 }))
export const GETATTR3res = compile(
  result3('GETATTR3res', xdr.struct('GETATTR3resok', { obj_attributes: fattr3 }), xdr.nothing),
)
