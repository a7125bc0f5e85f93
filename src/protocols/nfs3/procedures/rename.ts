// RFC 1813 section 3.3.14: RENAME - Rename a file or directory.

import { compile } from '../../../wire/compile.ts'
import type { Infer } from '../../../wire/schema.ts'
import * as xdr from '../../../wire/schema.ts'
import { ChangeProcedure, statusOf } from '../change.ts'
import { type Nfs3, NOW, type Opened } from '../context.ts'
import { diropargs3, sameResult3, wcc_data } from '../wire-types.ts'

export const RENAME3args = compile(xdr.struct('RENAME3args', { from: diropargs3, to: diropargs3 }))
export const RENAME3res = compile(
  sameResult3('RENAME3res', { fromdir_wcc: wcc_data, todir_wcc: wcc_data }),
)

type Args = Infer<typeof RENAME3args.schema>
type Res = Infer<typeof RENAME3res.schema>

interface Opening {
  readonly main: Opened
  readonly to: Opened
}

export const rename = (nfs: Nfs3) =>
  new ChangeProcedure<Args, Res, Opening>(nfs, {
    number: 14,
    name: 'RENAME',
    type: 'RenameEntry',
    args: RENAME3args,
    res: RENAME3res,
    open: (_, { from, to }, call, moment) => {
      const main = nfs.openToChange(from.dir, call, moment)
      if (typeof main === 'string') return main
      const target = nfs.openToChange(to.dir, call, moment)
      return typeof target === 'string' ? target : { main, to: target }
    },
    command: ({ main, to: target }, { from, to }) =>
      main.share.id !== target.share.id
        ? 'crossShare'
        : target.asOf !== NOW
          ? 'readOnly'
          : {
              type: 'RenameEntry',
              share: main.share.id,
              fromDir: main.ino,
              fromName: from.name,
              toDir: target.ino,
              toName: to.name,
            },
    result: (_, { opened, outcome, moment }) => ({
      status: statusOf(outcome),
      fromdir_wcc: nfs.wcc(opened?.main, moment),
      todir_wcc: nfs.wcc(opened?.to, moment),
    }),
  })
