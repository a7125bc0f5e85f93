// RFC 1813 section 3.3.8: CREATE - Create a file.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { newObjectResult } from '../new-object.ts'
import { createverf3, diropargs3, sattr3 } from '../wire-types.ts'

export const createmode3 = { UNCHECKED: 0, GUARDED: 1, EXCLUSIVE: 2 } as const

const createhow3 = xdr.union('createhow3', 'mode', createmode3, {
  0: xdr.struct('unchecked', { obj_attributes: sattr3 }),
  1: xdr.struct('guarded', { obj_attributes: sattr3 }),
  2: xdr.struct('exclusive', { verf: createverf3 }),
})
export const CREATE3args = compile(
  xdr.struct('CREATE3args', { where: diropargs3, how: createhow3 }),
)
export const CREATE3res = compile(newObjectResult('CREATE3'))
