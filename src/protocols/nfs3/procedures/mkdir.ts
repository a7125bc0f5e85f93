// RFC 1813 section 3.3.9: MKDIR - Create a directory.

import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { ChangeProcedure, openMain } from '../change.ts'
import type { Nfs3 } from '../context.ts'
import { initialAttributes, newObject, newObjectResult } from '../new-object.ts'
import { diropargs3, sattr3 } from '../wire-types.ts'

export const MKDIR3args = compile(
  xdr.struct('MKDIR3args', { where: diropargs3, attributes: sattr3 }),
)
export const MKDIR3res = compile(newObjectResult('MKDIR3'))

export const mkdir = (nfs: Nfs3) =>
  new ChangeProcedure(nfs, {
    number: 9,
    name: 'MKDIR',
    type: 'CreateDirectory',
    args: MKDIR3args,
    res: MKDIR3res,
    open: (_, { where }, call, moment) => openMain(nfs, where.dir, call, moment),
    command: ({ main: { share, ino } }, { where, attributes }) => ({
      type: 'CreateDirectory',
      share: share.id,
      dir: ino,
      name: where.name,
      attributes: initialAttributes(attributes),
    }),
    result: (_, done) => newObject(nfs, done),
  })
