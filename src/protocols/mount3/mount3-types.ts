// RFC 1813 appendix I: the MOUNT protocol, version 3, which turns a path into the first handle.
import { compile } from '../../wire/compile.ts'
import * as xdr from '../../wire/schema.ts'

export const MOUNT_PROGRAM = 100005
export const MOUNT_V3 = 3

const MNTNAMLEN = 255
const FHSIZE3 = 64
/** MNTPATHLEN is 1024; paths are decoded beyond it so that they get MNT3ERR_NAMETOOLONG. */
const PATH_DECODE_MAX = 4096
const MAX_FLAVORS = 64
const MAX_ENTRIES = 100_000

export const mountproc3 = { NULL: 0, MNT: 1, DUMP: 2, UMNT: 3, UMNTALL: 4, EXPORT: 5 } as const

export const mountstat3 = {
  MNT3_OK: 0,
  MNT3ERR_PERM: 1,
  MNT3ERR_NOENT: 2,
  MNT3ERR_IO: 5,
  MNT3ERR_ACCES: 13,
  MNT3ERR_NOTDIR: 20,
  MNT3ERR_INVAL: 22,
  MNT3ERR_NAMETOOLONG: 63,
  MNT3ERR_NOTSUPP: 10004,
  MNT3ERR_SERVERFAULT: 10006,
} as const
export type mountstat3 = (typeof mountstat3)[keyof typeof mountstat3]

const dirpath = xdr.byteString(PATH_DECODE_MAX)
const name = xdr.byteString(MNTNAMLEN)

/** MNT and UMNT take one path each. */
export const MNT3args = compile(xdr.struct('MNT3args', { dirpath }))
export const MNT3res = compile(
  xdr.union(
    'MNT3res',
    'fhs_status',
    mountstat3,
    {
      0: xdr.struct('mountres3_ok', {
        fhandle: xdr.opaque(FHSIZE3),
        auth_flavors: xdr.array(xdr.u32, MAX_FLAVORS),
      }),
    },
    xdr.nothing,
  ),
)

const mountbody = xdr.struct('mountbody', { ml_hostname: name, ml_directory: dirpath })
export const DUMP3res = compile(
  xdr.struct('DUMP3res', { mountlist: xdr.list(mountbody, MAX_ENTRIES) }),
)

const exportnode = xdr.struct('exportnode', {
  ex_dir: dirpath,
  ex_groups: xdr.list(xdr.struct('groupnode', { gr_name: name }), MAX_ENTRIES),
})
export const EXPORT3res = compile(
  xdr.struct('EXPORT3res', { exports: xdr.list(exportnode, MAX_ENTRIES) }),
)

/** The arguments and the result of procedures that have none. */
export const MOUNT3void = compile(xdr.nothing)
