// RFC 1813 section 2: the data types that NFSv3's procedures share.
import * as xdr from '../../wire/schema.ts'

export const NFS3_FHSIZE = 64
/** Not in the RFC, which leaves names unbounded; NAME_MAX of every system that mounts us is 255. */
export const NAME_MAX = 255
/** Names beyond NAME_MAX are decoded as far as this, so that they get NFS3ERR_NAMETOOLONG. */
const NAME_DECODE_MAX = 4096
export const PATH_MAX = 4096
export const MAX_IO = 1 << 20

export const nfsstat3 = {
  NFS3_OK: 0,
  NFS3ERR_PERM: 1,
  NFS3ERR_NOENT: 2,
  NFS3ERR_IO: 5,
  NFS3ERR_NXIO: 6,
  NFS3ERR_ACCES: 13,
  NFS3ERR_EXIST: 17,
  NFS3ERR_XDEV: 18,
  NFS3ERR_NODEV: 19,
  NFS3ERR_NOTDIR: 20,
  NFS3ERR_ISDIR: 21,
  NFS3ERR_INVAL: 22,
  NFS3ERR_FBIG: 27,
  NFS3ERR_NOSPC: 28,
  NFS3ERR_ROFS: 30,
  NFS3ERR_MLINK: 31,
  NFS3ERR_NAMETOOLONG: 63,
  NFS3ERR_NOTEMPTY: 66,
  NFS3ERR_DQUOT: 69,
  NFS3ERR_STALE: 70,
  NFS3ERR_REMOTE: 71,
  NFS3ERR_BADHANDLE: 10001,
  NFS3ERR_NOT_SYNC: 10002,
  NFS3ERR_BAD_COOKIE: 10003,
  NFS3ERR_NOTSUPP: 10004,
  NFS3ERR_TOOSMALL: 10005,
  NFS3ERR_SERVERFAULT: 10006,
  NFS3ERR_BADTYPE: 10007,
  NFS3ERR_JUKEBOX: 10008,
} as const
export const OK = nfsstat3.NFS3_OK
export type nfsstat3 = (typeof nfsstat3)[keyof typeof nfsstat3]

export const ftype3 = {
  NF3REG: 1,
  NF3DIR: 2,
  NF3BLK: 3,
  NF3CHR: 4,
  NF3LNK: 5,
  NF3SOCK: 6,
  NF3FIFO: 7,
} as const
export type ftype3 = (typeof ftype3)[keyof typeof ftype3]

export const nfs_fh3 = xdr.opaque(NFS3_FHSIZE)
export const filename3 = xdr.byteString(NAME_DECODE_MAX)
export const nfspath3 = xdr.byteString(PATH_MAX)
export const writeverf3 = xdr.fixed(8)
export const createverf3 = xdr.fixed(8)
export const cookieverf3 = xdr.fixed(8)

export const nfstime3 = xdr.struct('nfstime3', { seconds: xdr.u32, nseconds: xdr.u32 })
export const specdata3 = xdr.struct('specdata3', { specdata1: xdr.u32, specdata2: xdr.u32 })

export const fattr3 = xdr.struct('fattr3', {
  type: xdr.enumOf('ftype3', ftype3),
  mode: xdr.u32,
  nlink: xdr.u32,
  uid: xdr.u32,
  gid: xdr.u32,
  size: xdr.uint53,
  used: xdr.uint53,
  rdev: specdata3,
  fsid: xdr.uint53,
  fileid: xdr.uint53,
  atime: nfstime3,
  mtime: nfstime3,
  ctime: nfstime3,
})
export type fattr3 = xdr.Infer<typeof fattr3>

export const post_op_attr = xdr.optional(fattr3)

export const wcc_attr = xdr.struct('wcc_attr', {
  size: xdr.uint53,
  mtime: nfstime3,
  ctime: nfstime3,
})
export type wcc_attr = xdr.Infer<typeof wcc_attr>

export const wcc_data = xdr.struct('wcc_data', {
  before: xdr.optional(wcc_attr),
  after: post_op_attr,
})
export type wcc_data = xdr.Infer<typeof wcc_data>

export const post_op_fh3 = xdr.optional(nfs_fh3)

export const time_how = {
  DONT_CHANGE: 0,
  SET_TO_SERVER_TIME: 1,
  SET_TO_CLIENT_TIME: 2,
} as const

const set_time = (name: 'set_atime' | 'set_mtime') =>
  xdr.union(name, 'how', time_how, {
    0: xdr.nothing,
    1: xdr.nothing,
    2: xdr.struct(name, { time: nfstime3 }),
  })

export const sattr3 = xdr.struct('sattr3', {
  mode: xdr.optional(xdr.u32),
  uid: xdr.optional(xdr.u32),
  gid: xdr.optional(xdr.u32),
  size: xdr.optional(xdr.uint53),
  atime: set_time('set_atime'),
  mtime: set_time('set_mtime'),
})
export type sattr3 = xdr.Infer<typeof sattr3>

export const diropargs3 = xdr.struct('diropargs3', { dir: nfs_fh3, name: filename3 })

/** `union switch (nfsstat3 status) { case NFS3_OK: resok; default: resfail }`. */
export const result3 = <Ok extends xdr.Schema<unknown>, Fail extends xdr.Schema<unknown>>(
  name: string,
  resok: Ok,
  resfail: Fail,
) => xdr.union(name, 'status', nfsstat3, { 0: resok }, resfail)

/** The same with the same fields whatever the status is. */
export const sameResult3 = <F extends Readonly<Record<string, xdr.Schema<unknown>>>>(
  name: string,
  fields: F,
) => xdr.struct(name, { status: xdr.enumOf('nfsstat3', nfsstat3), ...fields })
