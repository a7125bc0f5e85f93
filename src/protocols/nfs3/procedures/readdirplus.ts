// RFC 1813 section 3.3.17: READDIRPLUS - Extended read from directory.
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import {
  cookieverf3,
  filename3,
  nfs_fh3,
  post_op_attr,
  post_op_fh3,
  result3,
} from '../wire-types.ts'

export const READDIRPLUS3args = compile(
  xdr.struct('READDIRPLUS3args', {
    dir: nfs_fh3,
    cookie: xdr.uint53,
    cookieverf: cookieverf3,
    dircount: xdr.u32,
    maxcount: xdr.u32,
  }),
)
export const entryplus3 = compile(
  xdr.struct('entryplus3', {
    fileid: xdr.uint53,
    name: filename3,
    cookie: xdr.uint53,
    name_attributes: post_op_attr,
    name_handle: post_op_fh3,
  }),
)
const dirlistplus3 = xdr.struct('dirlistplus3', {
  entries: xdr.list(entryplus3.schema, 100_000),
  eof: xdr.bool,
})
export const READDIRPLUS3res = compile(
  result3(
    'READDIRPLUS3res',
    xdr.struct('READDIRPLUS3resok', {
      dir_attributes: post_op_attr,
      cookieverf: cookieverf3,
      reply: dirlistplus3,
    }),
    xdr.struct('READDIRPLUS3resfail', { dir_attributes: post_op_attr }),
  ),
)
