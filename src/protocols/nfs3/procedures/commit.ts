// RFC 1813 section 3.3.21: COMMIT - Commit cached data on a server to stable storage.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { nfs_fh3, result3, wcc_data, writeverf3 } from '../wire-types.ts'

export const COMMIT3args = compile(
  xdr.struct('COMMIT3args', { file: nfs_fh3, offset: xdr.uint53, count: xdr.u32 }),
)
export const COMMIT3res = compile(
  result3(
    'COMMIT3res',
    xdr.struct('COMMIT3resok', { file_wcc: wcc_data, verf: writeverf3 }),
    xdr.struct('COMMIT3resfail', { file_wcc: wcc_data }),
  ),
)
