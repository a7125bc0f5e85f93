// RFC 1813 section 3.3.2: SETATTR - Set file attributes.

import {
  attributesForbid,
  type ChangeAttributes,
} from '../../../commands/tree/change-attributes.ts'
import { compile } from '../../../wire/compile.ts'
import type { Infer } from '../../../wire/schema.ts'
import * as xdr from '../../../wire/schema.ts'
import { ChangeProcedure, mainWcc, openMain, statusOf } from '../change.ts'
import { type Nfs3, NOW, type Opened } from '../context.ts'
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

function asked(
  { share, ino }: Opened,
  { new_attributes, guard }: Infer<typeof SETATTR3args.schema>,
): ChangeAttributes {
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
}

export const setattr = (nfs: Nfs3) =>
  new ChangeProcedure(nfs, {
    number: 2,
    name: 'SETATTR',
    type: 'ChangeAttributes',
    args: SETATTR3args,
    res: SETATTR3res,
    open: (_, { object }, call, moment) => openMain(nfs, object, call, moment),
    command: ({ main }, args) => asked(main, args),
    settle: (_, { main }, args) => {
      const { size } = args.new_attributes
      if (args.guard === undefined && size === undefined) return undefined
      const { share, ino, asOf, principal } = main
      const { content, world } = nfs.engine
      // Nothing is done for who may not: the decision says so.
      if (asOf !== NOW) return undefined
      if (attributesForbid(world, asked(main, args), principal) !== undefined) return undefined
      // A guard compares what the client has seen, staged writes included.
      const sealing = args.guard && content.commit(share.id, ino)
      if (sealing !== undefined) return sealing
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
