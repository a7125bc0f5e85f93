/** A valid call of every procedure that has arguments: to be sent as it is, or damaged. */
import { createmode3 } from '../../../src/protocols/nfs3/procedures/create.ts'
import { stable_how } from '../../../src/protocols/nfs3/procedures/write.ts'
import { ftype3 } from '../../../src/protocols/nfs3/wire-types.ts'
import { type Nfs3Client, sattr } from '../../client/nfs3-client.ts'

export type ProcedureName = Exclude<keyof Nfs3Client, 'null'>
export type Arguments = { readonly [P in ProcedureName]: Parameters<Nfs3Client[P]>[0] }

/** Handles of a directory, a regular file and a symbolic link. */
export interface Handles {
  readonly dir: Buffer
  readonly file: Buffer
  readonly symlink: Buffer
}

const noVerifier = Buffer.alloc(8)

/** `name`: an entry of the directory that may be there or not. */
export function validCalls({ dir, file, symlink }: Handles, name = 'name'): Arguments {
  const where = { dir, name }
  const attributes = sattr({ mode: 0o644 })
  return {
    getattr: { object: file },
    setattr: { object: file, new_attributes: attributes, guard: undefined },
    lookup: { what: where },
    access: { object: file, access: 0x3f },
    readlink: { symlink },
    read: { file, offset: 0, count: 4096 },
    write: { file, offset: 0, count: 5, stable: stable_how.FILE_SYNC, data: Buffer.from('bytes') },
    create: { where, how: { mode: createmode3.UNCHECKED, obj_attributes: attributes } },
    mkdir: { where, attributes },
    symlink: { where, symlink: { symlink_attributes: attributes, symlink_data: 'target' } },
    mknod: { where, what: { type: ftype3.NF3FIFO, pipe_attributes: attributes } },
    remove: { object: where },
    rmdir: { object: where },
    rename: { from: where, to: { dir, name: `${name}-renamed` } },
    link: { file, link: where },
    readdir: { dir, cookie: 0, cookieverf: noVerifier, count: 4096 },
    readdirplus: { dir, cookie: 0, cookieverf: noVerifier, dircount: 4096, maxcount: 8192 },
    fsstat: { fsroot: dir },
    fsinfo: { fsroot: dir },
    pathconf: { object: dir },
    commit: { file, offset: 0, count: 0 },
  }
}

export const procedureNames = Object.keys(
  validCalls({ dir: noVerifier, file: noVerifier, symlink: noVerifier }),
) as readonly ProcedureName[]

export type AnyResult = Awaited<ReturnType<Nfs3Client[ProcedureName]>>

/** Calls one procedure by its name. */
export function callByName<P extends ProcedureName>(
  nfs: Nfs3Client,
  name: P,
  args: Arguments[P],
): Promise<AnyResult> {
  const call = nfs[name] as (args: Arguments[P]) => Promise<AnyResult>
  return call(args)
}
