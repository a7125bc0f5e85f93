// RFC 1813 section 3.3.14: RENAME - Rename a file or directory.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { diropargs3, result3, wcc_data } from '../wire-types.ts'

export const RENAME3args = compile(xdr.struct('RENAME3args', { from: diropargs3, to: diropargs3 }))
const resboth = xdr.struct('RENAME3resok', { fromdir_wcc: wcc_data, todir_wcc: wcc_data })
export const RENAME3res = compile(result3('RENAME3res', resboth, resboth))
