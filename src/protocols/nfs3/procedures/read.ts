// RFC 1813 section 3.3.6: READ - Read from file.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { MAX_IO, nfs_fh3, post_op_attr, result3 } from '../wire-types.ts'

export const READ3args = compile(
  xdr.struct('READ3args', { file: nfs_fh3, offset: xdr.uint53, count: xdr.u32 }),
)
export const READ3res = compile(
  result3(
    'READ3res',
    xdr.struct('READ3resok', {
      file_attributes: post_op_attr,
      count: xdr.u32,
      eof: xdr.bool,
      data: xdr.opaque(MAX_IO),
    }),
    xdr.struct('READ3resfail', { file_attributes: post_op_attr }),
  ),
)
