import { ACCESS3args, ACCESS3res } from '../../src/protocols/nfs3/procedures/access.ts'
import { COMMIT3args, COMMIT3res } from '../../src/protocols/nfs3/procedures/commit.ts'
import { CREATE3args, CREATE3res } from '../../src/protocols/nfs3/procedures/create.ts'
import { FSINFO3args, FSINFO3res } from '../../src/protocols/nfs3/procedures/fsinfo.ts'
import { FSSTAT3args, FSSTAT3res } from '../../src/protocols/nfs3/procedures/fsstat.ts'
import { GETATTR3args, GETATTR3res } from '../../src/protocols/nfs3/procedures/getattr.ts'
import { LINK3args, LINK3res } from '../../src/protocols/nfs3/procedures/link.ts'
import { LOOKUP3args, LOOKUP3res } from '../../src/protocols/nfs3/procedures/lookup.ts'
import { MKDIR3args, MKDIR3res } from '../../src/protocols/nfs3/procedures/mkdir.ts'
import { MKNOD3args, MKNOD3res } from '../../src/protocols/nfs3/procedures/mknod.ts'
import { PATHCONF3args, PATHCONF3res } from '../../src/protocols/nfs3/procedures/pathconf.ts'
import { READ3args, READ3res } from '../../src/protocols/nfs3/procedures/read.ts'
import { READDIR3args, READDIR3res } from '../../src/protocols/nfs3/procedures/readdir.ts'
import {
  READDIRPLUS3args,
  READDIRPLUS3res,
} from '../../src/protocols/nfs3/procedures/readdirplus.ts'
import { READLINK3args, READLINK3res } from '../../src/protocols/nfs3/procedures/readlink.ts'
import { REMOVE3args, REMOVE3res } from '../../src/protocols/nfs3/procedures/remove.ts'
import { RENAME3args, RENAME3res } from '../../src/protocols/nfs3/procedures/rename.ts'
import { RMDIR3args, RMDIR3res } from '../../src/protocols/nfs3/procedures/rmdir.ts'
import { SETATTR3args, SETATTR3res } from '../../src/protocols/nfs3/procedures/setattr.ts'
import { SYMLINK3args, SYMLINK3res } from '../../src/protocols/nfs3/procedures/symlink.ts'
import { WRITE3args, WRITE3res } from '../../src/protocols/nfs3/procedures/write.ts'
import { nfsstat3, type sattr3, time_how } from '../../src/protocols/nfs3/wire-types.ts'
import { compile } from '../../src/wire/compile.ts'
import { type Codec, type Infer, nothing } from '../../src/wire/schema.ts'
import type { Procedure } from './rpc-call.ts'
import type { CallOptions, RpcClient } from './rpc-client.ts'
import { nameOf } from './rpc-error.ts'

export const NFS_PROGRAM = 100003
export const NFS_V3 = 3

const NULL3void = compile(nothing)

const row = <Args, Result>(
  name: string,
  number: number,
  args: Codec<Args>,
  result: Codec<Result>,
): Procedure<Args, Result> => ({
  name: `NFSv3 ${name}`,
  program: NFS_PROGRAM,
  version: NFS_V3,
  number,
  args,
  result,
})

/** RFC 1813 section 3: all procedures of the program. */
export const nfs3 = {
  null: row('NULL', 0, NULL3void, NULL3void),
  getattr: row('GETATTR', 1, GETATTR3args, GETATTR3res),
  setattr: row('SETATTR', 2, SETATTR3args, SETATTR3res),
  lookup: row('LOOKUP', 3, LOOKUP3args, LOOKUP3res),
  access: row('ACCESS', 4, ACCESS3args, ACCESS3res),
  readlink: row('READLINK', 5, READLINK3args, READLINK3res),
  read: row('READ', 6, READ3args, READ3res),
  write: row('WRITE', 7, WRITE3args, WRITE3res),
  create: row('CREATE', 8, CREATE3args, CREATE3res),
  mkdir: row('MKDIR', 9, MKDIR3args, MKDIR3res),
  symlink: row('SYMLINK', 10, SYMLINK3args, SYMLINK3res),
  mknod: row('MKNOD', 11, MKNOD3args, MKNOD3res),
  remove: row('REMOVE', 12, REMOVE3args, REMOVE3res),
  rmdir: row('RMDIR', 13, RMDIR3args, RMDIR3res),
  rename: row('RENAME', 14, RENAME3args, RENAME3res),
  link: row('LINK', 15, LINK3args, LINK3res),
  readdir: row('READDIR', 16, READDIR3args, READDIR3res),
  readdirplus: row('READDIRPLUS', 17, READDIRPLUS3args, READDIRPLUS3res),
  fsstat: row('FSSTAT', 18, FSSTAT3args, FSSTAT3res),
  fsinfo: row('FSINFO', 19, FSINFO3args, FSINFO3res),
  pathconf: row('PATHCONF', 20, PATHCONF3args, PATHCONF3res),
  commit: row('COMMIT', 21, COMMIT3args, COMMIT3res),
} as const

type Table = typeof nfs3
type ArgsOf<P> = P extends Procedure<infer Args, infer _> ? Args : never
type ResultOf<P> = P extends Procedure<infer _, infer Result> ? Result : never

/** `await client.create({ where, how })` resolves with the decoded result, whatever its status. */
export type Nfs3Client = {
  readonly [P in keyof Table]: (
    args: ArgsOf<Table[P]>,
    options?: CallOptions,
  ) => Promise<ResultOf<Table[P]>>
}

export function nfs3Client(rpc: RpcClient): Nfs3Client {
  const methods = Object.entries(nfs3).map(([name, procedure]) => [
    name,
    (args: unknown, options?: CallOptions) =>
      rpc.call(procedure as unknown as Procedure<unknown, unknown>, args, options),
  ])
  return Object.fromEntries(methods) as Nfs3Client
}

/** The result of a procedure that succeeded, or an error that names the status. */
export function ok<R extends { readonly status: nfsstat3 }>(
  result: R,
): Extract<R, { readonly status: typeof nfsstat3.NFS3_OK }> {
  if (result.status !== nfsstat3.NFS3_OK) throw new Error(nameOf(nfsstat3, result.status))
  return result as Extract<R, { readonly status: typeof nfsstat3.NFS3_OK }>
}

interface Attributes {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: number
  readonly atime?: Infer<typeof sattr3>['atime']
  readonly mtime?: Infer<typeof sattr3>['mtime']
}

/** An sattr3 that sets what is given and nothing else. */
export function sattr(set: Attributes = {}): Infer<typeof sattr3> {
  const unchanged = { how: time_how.DONT_CHANGE }
  return {
    mode: set.mode,
    uid: set.uid,
    gid: set.gid,
    size: set.size,
    atime: set.atime ?? unchanged,
    mtime: set.mtime ?? unchanged,
  }
}

/** The handle behind a path of names below `root`. */
export async function walk(client: Nfs3Client, root: Buffer, path: string): Promise<Buffer> {
  let handle = root
  for (const name of path.split('/').filter((part) => part !== '')) {
    handle = ok(await client.lookup({ what: { dir: handle, name } })).object
  }
  return handle
}

type DirectoryEntry = Extract<
  ResultOf<Table['readdirplus']>,
  { status: 0 }
>['reply']['entries'][number]

const MAX_PAGES = 100_000

/** A whole directory, page by page; `.` and `..` included when the server lists them. */
export async function listDirectory(
  client: Nfs3Client,
  dir: Buffer,
  maxcount = 65536,
): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = []
  let cookieverf: Buffer = Buffer.alloc(8)
  for (let page = 0; page < MAX_PAGES; page++) {
    const cookie = entries.at(-1)?.cookie ?? 0
    const args = { dir, cookie, cookieverf, dircount: maxcount, maxcount }
    const result = ok(await client.readdirplus(args))
    entries.push(...result.reply.entries)
    if (entries.some((entry) => !Number.isSafeInteger(entry.cookie))) {
      throw new RangeError(
        'a cookie of more than 53 bits: this server cannot be listed page by page',
      )
    }
    if (result.reply.eof) return entries
    if (result.reply.entries.length === 0) throw new Error('an empty page that is not the last')
    cookieverf = result.cookieverf
  }
  throw new Error(`more than ${MAX_PAGES} pages`)
}
