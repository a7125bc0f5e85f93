// RFC 1813 section 3.3.11: MKNOD - Create a special device.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { newObjectResult } from '../new-object.ts'
import { diropargs3, ftype3, sattr3, specdata3 } from '../wire-types.ts'

const devicedata3 = xdr.struct('devicedata3', { dev_attributes: sattr3, spec: specdata3 })
const pipe = xdr.struct('pipe', { pipe_attributes: sattr3 })
const mknoddata3 = xdr.union(
  'mknoddata3',
  'type',
  ftype3,
  { 3: devicedata3, 4: devicedata3, 6: pipe, 7: pipe },
  xdr.nothing,
)
export const MKNOD3args = compile(xdr.struct('MKNOD3args', { where: diropargs3, what: mknoddata3 }))
export const MKNOD3res = compile(newObjectResult('MKNOD3'))
