// RFC 1813 section 3.3.1: GETATTR - Get file attributes.

import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import type { Nfs3 } from '../context.ts'
import { queryProcedure } from '../query.ts'
import { nfs3Status } from '../status.ts'
import { fattr3, nfs_fh3, OK, result3 } from '../wire-types.ts'

export const GETATTR3args = compile(xdr.struct('GETATTR3args', { object: nfs_fh3 }))
export const GETATTR3res = compile(
  result3('GETATTR3res', xdr.struct('GETATTR3resok', { obj_attributes: fattr3 }), xdr.nothing),
)

export const getattr = (nfs: Nfs3) =>
  queryProcedure(nfs, {
    number: 1,
    name: 'GETATTR',
    args: GETATTR3args,
    res: GETATTR3res,
    run: (_, { object }, call) => {
      const opened = nfs.open(object, call)
      if (typeof opened === 'string') return { status: nfs3Status[opened] }
      return { status: OK, obj_attributes: nfs.attributes(opened) }
    },
  })
