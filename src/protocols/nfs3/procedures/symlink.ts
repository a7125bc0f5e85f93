// RFC 1813 section 3.3.10: SYMLINK - Create a symbolic link.

import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { ChangeProcedure, openMain } from '../change.ts'
import type { Nfs3 } from '../context.ts'
import { initialAttributes, newObject, newObjectResult } from '../new-object.ts'
import { diropargs3, nfspath3, sattr3 } from '../wire-types.ts'

const symlinkdata3 = xdr.struct('symlinkdata3', {
  symlink_attributes: sattr3,
  symlink_data: nfspath3,
})
export const SYMLINK3args = compile(
  xdr.struct('SYMLINK3args', { where: diropargs3, symlink: symlinkdata3 }),
)
export const SYMLINK3res = compile(newObjectResult('SYMLINK3'))

export const symlink = (nfs: Nfs3) =>
  new ChangeProcedure(nfs, {
    number: 10,
    name: 'SYMLINK',
    type: 'CreateSymlink',
    args: SYMLINK3args,
    res: SYMLINK3res,
    open: (_, { where }, call, moment) => openMain(nfs, where.dir, call, moment),
    command: ({ main: { share, ino } }, { where, symlink: link }) => ({
      type: 'CreateSymlink',
      share: share.id,
      dir: ino,
      name: where.name,
      target: link.symlink_data,
      attributes: initialAttributes(link.symlink_attributes),
    }),
    result: (_, done) => newObject(nfs, done),
  })
