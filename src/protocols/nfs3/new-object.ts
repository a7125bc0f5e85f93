// RFC 1813 sections 3.3.8 to 3.3.11: the result that CREATE, MKDIR, SYMLINK and MKNOD share.
import * as xdr from '../../wire/schema.ts'
import { post_op_attr, post_op_fh3, result3, wcc_data } from './wire-types.ts'

export const newObjectResult = (name: string) =>
  result3(
    `${name}res`,
    xdr.struct(`${name}resok`, {
      obj: post_op_fh3,
      obj_attributes: post_op_attr,
      dir_wcc: wcc_data,
    }),
    xdr.struct(`${name}resfail`, { dir_wcc: wcc_data }),
  )
