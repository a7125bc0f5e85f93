// RFC 1813 section 3.3.15: LINK - Create link to an object.

import { compile } from '../../../wire/compile.ts'
import type { Infer } from '../../../wire/schema.ts'
import * as xdr from '../../../wire/schema.ts'
import { ChangeProcedure, statusOf } from '../change.ts'
import { type Nfs3, NOW, type Opened } from '../context.ts'
import { diropargs3, nfs_fh3, post_op_attr, sameResult3, wcc_data } from '../wire-types.ts'

export const LINK3args = compile(xdr.struct('LINK3args', { file: nfs_fh3, link: diropargs3 }))
export const LINK3res = compile(
  sameResult3('LINK3res', {
    file_attributes: post_op_attr,
    linkdir_wcc: wcc_data,
  }),
)

type Args = Infer<typeof LINK3args.schema>
type Res = Infer<typeof LINK3res.schema>

interface Opening {
  readonly main: Opened
  readonly dir: Opened
}

export const link = (nfs: Nfs3) =>
  new ChangeProcedure<Args, Res, Opening>(nfs, {
    number: 15,
    name: 'LINK',
    type: 'LinkEntry',
    args: LINK3args,
    res: LINK3res,
    open: (_, { file, link: at }, call, moment) => {
      const main = nfs.openToChange(file, call, moment)
      if (typeof main === 'string') return main
      const dir = nfs.openToChange(at.dir, call, moment)
      return typeof dir === 'string' ? dir : { main, dir }
    },
    command: ({ main, dir }, { link: at }) =>
      main.share.id !== dir.share.id
        ? 'crossShare'
        : dir.asOf !== NOW
          ? 'readOnly'
          : {
              type: 'LinkEntry',
              share: main.share.id,
              ino: main.ino,
              dir: dir.ino,
              name: at.name,
            },
    result: (_, { opened, outcome, moment }) => ({
      status: statusOf(outcome),
      file_attributes: opened && nfs.after(opened.main, moment),
      linkdir_wcc: nfs.wcc(opened?.dir, moment),
    }),
  })
