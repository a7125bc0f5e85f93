// RFC 1813 section 3.3.19: FSINFO - Get static file system information.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { nfs_fh3, nfstime3, post_op_attr, result3 } from '../wire-types.ts'

export const FSF3 = { LINK: 0x01, SYMLINK: 0x02, HOMOGENEOUS: 0x08, CANSETTIME: 0x10 } as const

export const FSINFO3args = compile(xdr.struct('FSINFO3args', { fsroot: nfs_fh3 }))
export const FSINFO3res = compile(
  result3(
    'FSINFO3res',
    xdr.struct('FSINFO3resok', {
      obj_attributes: post_op_attr,
      rtmax: xdr.u32,
      rtpref: xdr.u32,
      rtmult: xdr.u32,
      wtmax: xdr.u32,
      wtpref: xdr.u32,
      wtmult: xdr.u32,
      dtpref: xdr.u32,
      maxfilesize: xdr.uint53,
      time_delta: nfstime3,
      properties: xdr.u32,
    }),
    xdr.struct('FSINFO3resfail', { obj_attributes: post_op_attr }),
  ),
)
