import type { Refusal } from '../../journal/refusal.ts'
import { nfsstat3 } from './wire-types.ts'

/** What NFSv3 calls each refusal (RFC 1813 section 2.6). */
export const nfs3Status = {
  stale: nfsstat3.NFS3ERR_STALE,
  badHandle: nfsstat3.NFS3ERR_BADHANDLE,
  noEntry: nfsstat3.NFS3ERR_NOENT,
  exists: nfsstat3.NFS3ERR_EXIST,
  notDirectory: nfsstat3.NFS3ERR_NOTDIR,
  isDirectory: nfsstat3.NFS3ERR_ISDIR,
  notEmpty: nfsstat3.NFS3ERR_NOTEMPTY,
  accessDenied: nfsstat3.NFS3ERR_ACCES,
  notPermitted: nfsstat3.NFS3ERR_PERM,
  readOnly: nfsstat3.NFS3ERR_ROFS,
  nameTooLong: nfsstat3.NFS3ERR_NAMETOOLONG,
  invalid: nfsstat3.NFS3ERR_INVAL,
  crossShare: nfsstat3.NFS3ERR_XDEV,
  tooManyLinks: nfsstat3.NFS3ERR_MLINK,
  fileTooLarge: nfsstat3.NFS3ERR_FBIG,
  noSpace: nfsstat3.NFS3ERR_NOSPC,
  quotaExceeded: nfsstat3.NFS3ERR_DQUOT,
  notSupported: nfsstat3.NFS3ERR_NOTSUPP,
  guardMismatch: nfsstat3.NFS3ERR_NOT_SYNC,
  badType: nfsstat3.NFS3ERR_BADTYPE,
  badCookie: nfsstat3.NFS3ERR_BAD_COOKIE,
  tooSmall: nfsstat3.NFS3ERR_TOOSMALL,
  inputOutput: nfsstat3.NFS3ERR_IO,
  delayed: nfsstat3.NFS3ERR_JUKEBOX,
  serverFault: nfsstat3.NFS3ERR_SERVERFAULT,
  unknown: nfsstat3.NFS3ERR_NOENT,
  outOfRetention: nfsstat3.NFS3ERR_STALE,
  // RFC 1813 section 3.2, first item.
  emptyName: nfsstat3.NFS3ERR_ACCES,
} as const satisfies Record<Refusal, nfsstat3>

/** Of a failed call: any status but NFS3_OK. */
export type Failure3 = (typeof nfs3Status)[Refusal]
