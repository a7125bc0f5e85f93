// RFC 1813 section 3.3.11: MKNOD - Create a special device.

import { compile } from '../../../wire/compile.ts'
import type { Infer } from '../../../wire/schema.ts'
import * as xdr from '../../../wire/schema.ts'
import { ChangeProcedure, openMain } from '../change.ts'
import type { Nfs3 } from '../context.ts'
import { initialAttributes, newObject, newObjectResult } from '../new-object.ts'
import { diropargs3, ftype3, sattr3, specdata3 } from '../wire-types.ts'

const devicedata3 = xdr.struct('devicedata3', { dev_attributes: sattr3, spec: specdata3 })
const pipe = xdr.struct('pipe', { pipe_attributes: sattr3 })
const mknoddata3 = xdr.union(
  'mknoddata3',
  'type',
  ftype3,
  { 3: devicedata3, 4: devicedata3, 6: pipe, 7: pipe },
  xdr.nothing,
)
export const MKNOD3args = compile(xdr.struct('MKNOD3args', { where: diropargs3, what: mknoddata3 }))
export const MKNOD3res = compile(newObjectResult('MKNOD3'))

type What = Infer<typeof mknoddata3>

/** Attributes and device numbers of what can be made this way; undefined for other types. */
function special(what: What) {
  switch (what.type) {
    case ftype3.NF3BLK:
    case ftype3.NF3CHR: {
      const { specdata1: major, specdata2: minor } = what.spec
      return { kind: what.type, attributes: what.dev_attributes, major, minor }
    }
    case ftype3.NF3SOCK:
    case ftype3.NF3FIFO:
      return { kind: what.type, attributes: what.pipe_attributes, major: 0, minor: 0 }
    default:
      return undefined
  }
}

export const mknod = (nfs: Nfs3) =>
  new ChangeProcedure(nfs, {
    number: 11,
    name: 'MKNOD',
    type: 'CreateSpecialFile',
    args: MKNOD3args,
    res: MKNOD3res,
    open: (_, { where }, call, moment) => openMain(nfs, where.dir, call, moment),
    command: ({ main: { share, ino } }, { where, what }) => {
      const asked = special(what)
      if (asked === undefined) return 'badType'
      const { kind, attributes, major, minor } = asked
      return {
        type: 'CreateSpecialFile',
        share: share.id,
        dir: ino,
        name: where.name,
        kind,
        major,
        minor,
        attributes: initialAttributes(attributes),
      }
    },
    result: (_, done) => newObject(nfs, done),
  })
