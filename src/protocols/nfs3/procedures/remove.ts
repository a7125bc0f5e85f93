// RFC 1813 section 3.3.12: REMOVE - Remove a file.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { diropargs3, result3, wcc_data } from '../wire-types.ts'

export const REMOVE3args = compile(xdr.struct('REMOVE3args', { object: diropargs3 }))
const resboth = xdr.struct('REMOVE3resok', { dir_wcc: wcc_data })
export const REMOVE3res = compile(result3('REMOVE3res', resboth, resboth))
