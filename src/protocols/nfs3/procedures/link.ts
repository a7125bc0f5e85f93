// RFC 1813 section 3.3.15: LINK - Create link to an object.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { diropargs3, nfs_fh3, post_op_attr, result3, wcc_data } from '../wire-types.ts'

export const LINK3args = compile(xdr.struct('LINK3args', { file: nfs_fh3, link: diropargs3 }))
const resboth = xdr.struct('LINK3resok', {
  file_attributes: post_op_attr,
  linkdir_wcc: wcc_data,
})
export const LINK3res = compile(result3('LINK3res', resboth, resboth))
