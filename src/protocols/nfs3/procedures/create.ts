// RFC 1813 section 3.3.8: CREATE - Create a file.

import { type CreateFile, resizedByCreating } from '../../../commands/tree/create-file.ts'
import { noAttributes } from '../../../commands/tree/new-object.ts'
import { compile } from '../../../wire/compile.ts'
import type { Infer } from '../../../wire/schema.ts'
import * as xdr from '../../../wire/schema.ts'
import { ChangeProcedure, openMain } from '../change.ts'
import { type Nfs3, NOW, type Opened } from '../context.ts'
import { initialAttributes, newObject, newObjectResult } from '../new-object.ts'
import { createverf3, diropargs3, sattr3 } from '../wire-types.ts'

export const createmode3 = { UNCHECKED: 0, GUARDED: 1, EXCLUSIVE: 2 } as const

const createhow3 = xdr.union('createhow3', 'mode', createmode3, {
  0: xdr.struct('unchecked', { obj_attributes: sattr3 }),
  1: xdr.struct('guarded', { obj_attributes: sattr3 }),
  2: xdr.struct('exclusive', { verf: createverf3 }),
})
export const CREATE3args = compile(
  xdr.struct('CREATE3args', { where: diropargs3, how: createhow3 }),
)
export const CREATE3res = compile(newObjectResult('CREATE3'))

type Args = Infer<typeof CREATE3args.schema>
type How = Infer<typeof createhow3>

function asked(how: How): Pick<CreateFile, 'attributes' | 'how' | 'size' | 'verifier'> {
  if (how.mode === createmode3.EXCLUSIVE) {
    const verifier = how.verf.latin1Slice(0, how.verf.length)
    return { how: 'exclusive', verifier, attributes: noAttributes, size: undefined }
  }
  const { obj_attributes } = how
  return {
    how: how.mode === createmode3.GUARDED ? 'guarded' : 'unchecked',
    verifier: undefined,
    attributes: initialAttributes(obj_attributes),
    size: obj_attributes.size,
  }
}

const commandOf = ({ share, ino }: Opened, { where, how }: Args): CreateFile => ({
  type: 'CreateFile',
  share: share.id,
  dir: ino,
  name: where.name,
  ...asked(how),
})

export const create = (nfs: Nfs3) =>
  new ChangeProcedure(nfs, {
    number: 8,
    name: 'CREATE',
    type: 'CreateFile',
    args: CREATE3args,
    res: CREATE3res,
    open: (_, { where }, call, moment) => openMain(nfs, where.dir, call, moment),
    command: ({ main }, args) => commandOf(main, args),
    // An existing file may be emptied: bytes of it that are being sealed come first.
    settle: (_, { main }, args) => {
      const { how } = args
      const size = how.mode === createmode3.UNCHECKED ? how.obj_attributes.size : undefined
      if (size === undefined || main.asOf !== NOW) return undefined
      const { content, world } = nfs.engine
      // Nothing is done for who may not: the decision says so.
      const ino = resizedByCreating(world, commandOf(main, args), main.principal)
      if (ino === undefined || content.mayResize(main.share.id, ino, size)) return undefined
      return content.settled(main.share.id, ino, size)
    },
    accepted: (_, { main }, { how }, { ino }) => {
      const size = how.mode === createmode3.UNCHECKED ? how.obj_attributes.size : undefined
      if (size !== undefined) nfs.engine.content.resized(main.share.id, ino, size)
    },
    result: (_, done) => newObject(nfs, done),
  })
