// RFC 1813 section 3.3.16: READDIR - Read from directory.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { cookieverf3, filename3, nfs_fh3, post_op_attr, result3 } from '../wire-types.ts'

export const READDIR3args = compile(
  xdr.struct('READDIR3args', {
    dir: nfs_fh3,
    cookie: xdr.uint53,
    cookieverf: cookieverf3,
    count: xdr.u32,
  }),
)
export const entry3 = compile(
  xdr.struct('entry3', { fileid: xdr.uint53, name: filename3, cookie: xdr.uint53 }),
)
const dirlist3 = xdr.struct('dirlist3', {
  entries: xdr.list(entry3.schema, 100_000),
  eof: xdr.bool,
})
export const READDIR3res = compile(
  result3(
    'READDIR3res',
    xdr.struct('READDIR3resok', {
      dir_attributes: post_op_attr,
      cookieverf: cookieverf3,
      reply: dirlist3,
    }),
    xdr.struct('READDIR3resfail', { dir_attributes: post_op_attr }),
  ),
)
