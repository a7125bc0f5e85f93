// RFC 1813 section 3.3.13: RMDIR - Remove a directory.

import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { ChangeProcedure, mainWcc, openMain, statusOf } from '../change.ts'
import type { Nfs3 } from '../context.ts'
import { diropargs3, sameResult3, wcc_data } from '../wire-types.ts'

export const RMDIR3args = compile(xdr.struct('RMDIR3args', { object: diropargs3 }))
export const RMDIR3res = compile(sameResult3('RMDIR3res', { dir_wcc: wcc_data }))

export const rmdir = (nfs: Nfs3) =>
  new ChangeProcedure(nfs, {
    number: 13,
    name: 'RMDIR',
    type: 'RemoveDirectory',
    args: RMDIR3args,
    res: RMDIR3res,
    open: (_, { object }, call, moment) => openMain(nfs, object.dir, call, moment),
    command: ({ main: { share, ino } }, { object }) => ({
      type: 'RemoveDirectory',
      share: share.id,
      dir: ino,
      name: object.name,
    }),
    result: (_, done) => ({ status: statusOf(done.outcome), dir_wcc: mainWcc(nfs, done) }),
  })
