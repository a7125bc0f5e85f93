// RFC 1813 sections 3.3.8 to 3.3.11: what CREATE, MKDIR, SYMLINK and MKNOD share.
import type { InitialAttributes } from '../../commands/tree/new-object.ts'
import type { Instant } from '../../platform/clock.ts'
import type { Infer } from '../../wire/schema.ts'
import * as xdr from '../../wire/schema.ts'
import { type Done, mainWcc, type Opening, statusOf } from './change.ts'
import type { Nfs3 } from './context.ts'
import {
  type nfstime3,
  post_op_attr,
  post_op_fh3,
  result3,
  type sattr3,
  time_how,
  wcc_data,
} from './wire-types.ts'

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

export const newTime = ({ seconds, nseconds }: Infer<typeof nfstime3>): Instant => ({
  sec: seconds,
  nsec: nseconds,
})

type SetTime = sattr3['atime'] | sattr3['mtime']

export function sattrTime(time: SetTime): Instant | 'now' | undefined {
  if (time.how === time_how.DONT_CHANGE) return undefined
  return time.how === time_how.SET_TO_SERVER_TIME ? 'now' : newTime(time.time)
}

/** A new object's times are now unless they are given. */
export function initialAttributes({ mode, uid, gid, atime, mtime }: sattr3): InitialAttributes {
  const given = (time: SetTime) => {
    const t = sattrTime(time)
    return t === 'now' ? undefined : t
  }
  return { mode, uid, gid, atime: given(atime), mtime: given(mtime) }
}

export function newObject(nfs: Nfs3, done: Done<unknown, Opening>) {
  const { opened, outcome, moment } = done
  const status = statusOf(outcome)
  const dir_wcc = mainWcc(nfs, done)
  if (status !== 0 || opened === undefined || outcome.kind !== 'accepted') {
    return { status: status as Exclude<typeof status, 0>, dir_wcc }
  }
  const { share } = opened.main
  const view = nfs.viewAt(share, moment)
  const inode = view.inode(outcome.ino)
  const attributes = nfs.attributesIn(share, view, outcome.ino, moment)
  return {
    status: 0 as const,
    obj: inode && nfs.handleOf(share, outcome.ino, inode),
    obj_attributes: attributes && { ...attributes, fsid: share.id },
    dir_wcc,
  }
}
