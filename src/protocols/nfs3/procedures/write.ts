// RFC 1813 section 3.3.7: WRITE - Write to file.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { MAX_IO, nfs_fh3, result3, wcc_data, writeverf3 } from '../wire-types.ts'

export const stable_how = { UNSTABLE: 0, DATA_SYNC: 1, FILE_SYNC: 2 } as const

export const WRITE3args = compile(
  xdr.struct('WRITE3args', {
    file: nfs_fh3,
    offset: xdr.uint53,
    count: xdr.u32,
    stable: xdr.enumOf('stable_how', stable_how),
    data: xdr.opaque(MAX_IO),
  }),
)
export const WRITE3res = compile(
  result3(
    'WRITE3res',
    xdr.struct('WRITE3resok', {
      file_wcc: wcc_data,
      count: xdr.u32,
      committed: xdr.enumOf('stable_how', stable_how),
      verf: writeverf3,
    }),
    xdr.struct('WRITE3resfail', { file_wcc: wcc_data }),
  ),
)
