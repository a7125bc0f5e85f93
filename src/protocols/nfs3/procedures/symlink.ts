// RFC 1813 section 3.3.10: SYMLINK - Create a symbolic link.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { newObjectResult } from '../new-object.ts'
import { diropargs3, nfspath3, sattr3 } from '../wire-types.ts'

const symlinkdata3 = xdr.struct('symlinkdata3', {
  symlink_attributes: sattr3,
  symlink_data: nfspath3,
})
export const SYMLINK3args = compile(
  xdr.struct('SYMLINK3args', { where: diropargs3, symlink: symlinkdata3 }),
)
export const SYMLINK3res = compile(newObjectResult('SYMLINK3'))
