// RFC 1813 section 3.3.13: RMDIR - Remove a directory.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { diropargs3, result3, wcc_data } from '../wire-types.ts'

export const RMDIR3args = compile(xdr.struct('RMDIR3args', { object: diropargs3 }))
const resboth = xdr.struct('RMDIR3resok', { dir_wcc: wcc_data })
export const RMDIR3res = compile(result3('RMDIR3res', resboth, resboth))
