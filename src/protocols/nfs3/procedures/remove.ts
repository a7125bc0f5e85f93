// RFC 1813 section 3.3.12: REMOVE - Remove a file.

import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { ChangeProcedure, mainWcc, openMain, statusOf } from '../change.ts'
import type { Nfs3 } from '../context.ts'
import { diropargs3, sameResult3, wcc_data } from '../wire-types.ts'

export const REMOVE3args = compile(xdr.struct('REMOVE3args', { object: diropargs3 }))
export const REMOVE3res = compile(sameResult3('REMOVE3res', { dir_wcc: wcc_data }))

export const remove = (nfs: Nfs3) =>
  new ChangeProcedure(nfs, {
    number: 12,
    name: 'REMOVE',
    type: 'RemoveFile',
    args: REMOVE3args,
    res: REMOVE3res,
    open: (_, { object }, call, moment) => openMain(nfs, object.dir, call, moment),
    command: ({ main: { share, ino } }, { object }) => ({
      type: 'RemoveFile',
      share: share.id,
      dir: ino,
      name: object.name,
    }),
    result: (_, done) => ({ status: statusOf(done.outcome), dir_wcc: mainWcc(nfs, done) }),
  })
