// RFC 1813 section 3.3.20: PATHCONF - Retrieve POSIX information.
import { LINK_MAX } from '../../../platform/limits.ts'
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import type { Nfs3 } from '../context.ts'
import { queryProcedure } from '../query.ts'
import { nfs3Status } from '../status.ts'
import { NAME_MAX, nfs_fh3, OK, post_op_attr, result3 } from '../wire-types.ts'

export const PATHCONF3args = compile(xdr.struct('PATHCONF3args', { object: nfs_fh3 }))
export const PATHCONF3res = compile(
  result3(
    'PATHCONF3res',
    xdr.struct('PATHCONF3resok', {
      obj_attributes: post_op_attr,
      linkmax: xdr.u32,
      name_max: xdr.u32,
      no_trunc: xdr.bool,
      chown_restricted: xdr.bool,
      case_insensitive: xdr.bool,
      case_preserving: xdr.bool,
    }),
    xdr.struct('PATHCONF3resfail', { obj_attributes: post_op_attr }),
  ),
)

export const pathconf = (nfs: Nfs3) =>
  queryProcedure(nfs, {
    number: 20,
    name: 'PATHCONF',
    args: PATHCONF3args,
    res: PATHCONF3res,
    run: (_, { object }, call) => {
      const opened = nfs.open(object, call)
      if (typeof opened === 'string') {
        return { status: nfs3Status[opened], obj_attributes: undefined }
      }
      return {
        status: OK,
        obj_attributes: nfs.attributes(opened),
        linkmax: LINK_MAX,
        name_max: NAME_MAX,
        no_trunc: true,
        chown_restricted: true,
        case_insensitive: false,
        case_preserving: true,
      }
    },
  })
