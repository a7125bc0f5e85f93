// RFC 1813 section 3.3.2: SETATTR - Set file attributes.

import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { ChangeProcedure, mainWcc, openMain, statusOf } from '../change.ts'
import type { Nfs3 } from '../context.ts'
import { newTime, sattrTime } from '../new-object.ts'
import { nfs_fh3, nfstime3, sameResult3, sattr3, time_how, wcc_data } from '../wire-types.ts'

export const SETATTR3args = compile(
  xdr.struct('SETATTR3args', {
    object: nfs_fh3,
    new_attributes: sattr3,
    guard: xdr.optional(nfstime3),
  }),
)
export const SETATTR3res = compile(sameResult3('SETATTR3res', { obj_wcc: wcc_data }))

export const setattr = (nfs: Nfs3) =>
  new ChangeProcedure(nfs, {
    number: 2,
    name: 'SETATTR',
    type: 'ChangeAttributes',
    args: SETATTR3args,
    res: SETATTR3res,
    open: (_, { object }, call, moment) => openMain(nfs, object, call, moment),
    command: ({ main: { share, ino } }, { new_attributes, guard }) => {
      const { mode, uid, gid, size, atime, mtime } = new_attributes
      return {
        type: 'ChangeAttributes',
        share: share.id,
        ino,
        mode,
        uid,
        gid,
        size,
        atime: sattrTime(atime),
        mtime: sattrTime(mtime),
        guard: guard && newTime(guard),
      }
    },
    settle: (_, { main: { share, ino } }, { new_attributes, guard }) => {
      const { content } = nfs.engine
      // A guard compares what the client has seen, staged writes included.
      const sealing = guard && content.commit(share.id, ino)
      if (sealing !== undefined) return sealing
      const { size } = new_attributes
      if (size === undefined || content.mayResize(share.id, ino, size)) return undefined
      return content.settled(share.id, ino, size)
    },
    accepted: (_, { main: { share, ino } }, { new_attributes }) => {
      const { size, mtime } = new_attributes
      const { content } = nfs.engine
      if (size !== undefined) content.resized(share.id, ino, size)
      if (mtime.how !== time_how.DONT_CHANGE) content.timesSet(share.id, ino)
    },
    result: (_, done) => ({ status: statusOf(done.outcome), obj_wcc: mainWcc(nfs, done) }),
  })
