// RFC 1813 section 3.3.19: FSINFO - Get static file system information.
import { FILE_SIZE_MAX, KiB } from '../../../platform/limits.ts'
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { SLAB_SIZE } from '../../rpc/slab.ts'
import type { Nfs3 } from '../context.ts'
import { queryProcedure } from '../query.ts'
import { nfs3Status } from '../status.ts'
import { MAX_IO, nfs_fh3, nfstime3, OK, post_op_attr, result3 } from '../wire-types.ts'

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

/** What a directory is best read in: a large listing in few calls, each in the memory of a slab. */
const DIRECTORY_PREFERRED = SLAB_SIZE - 4 * KiB

export const fsinfo = (nfs: Nfs3) =>
  queryProcedure(nfs, {
    number: 19,
    name: 'FSINFO',
    args: FSINFO3args,
    res: FSINFO3res,
    run: (_, { fsroot }, call) => {
      const opened = nfs.open(fsroot, call)
      if (typeof opened === 'string') {
        return { status: nfs3Status[opened], obj_attributes: undefined }
      }
      return {
        status: OK,
        obj_attributes: nfs.attributes(opened),
        rtmax: MAX_IO,
        rtpref: MAX_IO,
        rtmult: 4096,
        wtmax: MAX_IO,
        wtpref: MAX_IO,
        wtmult: 4096,
        dtpref: DIRECTORY_PREFERRED,
        maxfilesize: FILE_SIZE_MAX,
        time_delta: { seconds: 0, nseconds: 1 },
        properties: FSF3.LINK | FSF3.SYMLINK | FSF3.HOMOGENEOUS | FSF3.CANSETTIME,
      }
    },
  })
