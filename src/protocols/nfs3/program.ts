// RFC 1813 section 3: NFS program 100003 version 3.
import type { Engine } from '../../commands/engine.ts'
import { type Procedure, type Program, programOf } from '../rpc/program.ts'
import { Nfs3 } from './context.ts'
import { access } from './procedures/access.ts'
import { commit } from './procedures/commit.ts'
import { create } from './procedures/create.ts'
import { fsinfo } from './procedures/fsinfo.ts'
import { fsstat } from './procedures/fsstat.ts'
import { getattr } from './procedures/getattr.ts'
import { link } from './procedures/link.ts'
import { lookup } from './procedures/lookup.ts'
import { mkdir } from './procedures/mkdir.ts'
import { mknod } from './procedures/mknod.ts'
import { pathconf } from './procedures/pathconf.ts'
import { read } from './procedures/read.ts'
import { readdir } from './procedures/readdir.ts'
import { readdirplus } from './procedures/readdirplus.ts'
import { readlink } from './procedures/readlink.ts'
import { remove } from './procedures/remove.ts'
import { rename } from './procedures/rename.ts'
import { rmdir } from './procedures/rmdir.ts'
import { setattr } from './procedures/setattr.ts'
import { symlink } from './procedures/symlink.ts'
import { write } from './procedures/write.ts'

export const NFS_PROGRAM = 100003
export const NFS_V3 = 3

const nothing: Procedure = { number: 0, name: 'NULL', plain: true, serve: () => 0 }

export function nfs3Program(engine: Engine): Program {
  const nfs = new Nfs3(engine)
  const procedures = [
    getattr,
    setattr,
    lookup,
    access,
    readlink,
    read,
    write,
    create,
    mkdir,
    symlink,
    mknod,
    remove,
    rmdir,
    rename,
    link,
    readdir,
    readdirplus,
    fsstat,
    fsinfo,
    pathconf,
    commit,
  ].map((make) => make(nfs))
  return programOf(NFS_PROGRAM, NFS_V3, 'nfs3', [nothing, ...procedures])
}
