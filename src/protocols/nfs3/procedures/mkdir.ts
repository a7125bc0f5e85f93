// RFC 1813 section 3.3.9: MKDIR - Create a directory.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { newObjectResult } from '../new-object.ts'
import { diropargs3, sattr3 } from '../wire-types.ts'

export const MKDIR3args = compile(
  xdr.struct('MKDIR3args', { where: diropargs3, attributes: sattr3 }),
)
export const MKDIR3res = compile(newObjectResult('MKDIR3'))
