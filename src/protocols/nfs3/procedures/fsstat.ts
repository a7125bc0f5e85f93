// RFC 1813 section 3.3.18: FSSTAT - Get dynamic file system information.

import { INO_MAX } from '../../../projections/node-id.ts'
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import type { Nfs3 } from '../context.ts'
import { queryProcedure } from '../query.ts'
import { nfs3Status } from '../status.ts'
import { nfs_fh3, OK, post_op_attr, result3 } from '../wire-types.ts'

export const FSSTAT3args = compile(xdr.struct('FSSTAT3args', { fsroot: nfs_fh3 }))
export const FSSTAT3res = compile(
  result3(
    'FSSTAT3res',
    xdr.struct('FSSTAT3resok', {
      obj_attributes: post_op_attr,
      tbytes: xdr.uint53,
      fbytes: xdr.uint53,
      abytes: xdr.uint53,
      tfiles: xdr.uint53,
      ffiles: xdr.uint53,
      afiles: xdr.uint53,
      invarsec: xdr.u32,
    }),
    xdr.struct('FSSTAT3resfail', { obj_attributes: post_op_attr }),
  ),
)

export const fsstat = (nfs: Nfs3) =>
  queryProcedure(nfs, {
    number: 18,
    name: 'FSSTAT',
    args: FSSTAT3args,
    res: FSSTAT3res,
    run: (_, { fsroot }, call) => {
      const opened = nfs.open(fsroot, call)
      if (typeof opened === 'string') {
        return { status: nfs3Status[opened], obj_attributes: undefined }
      }
      const { share } = opened
      const { space, world, staging } = nfs.engine
      const { bytes, inodes, nextIno } = world.usage(share.id)
      const held = bytes + staging.bytesOf(share.id)
      const { quota } = share.options
      const room = Math.max(0, space.free())
      const fbytes = quota === 0 ? room : Math.max(0, Math.min(room, quota - held))
      const ffiles = INO_MAX - nextIno
      return {
        status: OK,
        obj_attributes: nfs.attributes(opened),
        tbytes: quota === 0 ? space.total : Math.min(quota, space.total),
        fbytes,
        abytes: fbytes,
        tfiles: inodes + ffiles,
        ffiles,
        afiles: ffiles,
        invarsec: 0,
      }
    },
  })
