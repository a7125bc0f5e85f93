/** A client at work: one connection, one share, and the few steps that nearly every test takes. */

import { createmode3 } from '../../src/protocols/nfs3/procedures/create.ts'
import { stable_how } from '../../src/protocols/nfs3/procedures/write.ts'
import type { fattr3, ftype3 } from '../../src/protocols/nfs3/wire-types.ts'
import { Mount3Client } from '../client/mount3-client.ts'
import {
  listDirectory,
  type Nfs3Client,
  nfs3,
  nfs3Client,
  ok,
  sattr,
} from '../client/nfs3-client.ts'
import { authSys, type Credentials, type UnixUser } from '../client/rpc-call.ts'
import { type CallOptions, RpcClient, type RpcClientOptions } from '../client/rpc-client.ts'

export const ROOT: UnixUser = { uid: 0, gid: 0 }
export const ALICE: UnixUser = { uid: 1001, gid: 1001 }
export const BOB: UnixUser = { uid: 1002, gid: 1002 }

export interface NewFile {
  readonly mode?: number
  readonly data?: Buffer | string
}

type Special = { readonly type: typeof ftype3.NF3FIFO | typeof ftype3.NF3SOCK }

/** Connections must not count their calls alike, or they would repeat each other's. */
let connections = 0

export class Session {
  readonly rpc: RpcClient
  readonly nfs: Nfs3Client
  readonly root: Buffer
  readonly credentials: Credentials

  constructor(rpc: RpcClient, root: Buffer, credentials: Credentials) {
    this.rpc = rpc
    this.root = root
    this.credentials = credentials
    this.nfs = nfsAs(rpc, credentials)
  }

  /** Connects and mounts. */
  static async open(
    port: number,
    user: UnixUser = ROOT,
    path = '/export',
    options: Partial<RpcClientOptions> = {},
  ): Promise<Session> {
    const rpc = await connect(port, options)
    const root = await new Mount3Client(rpc).root(path)
    return new Session(rpc, root, authSys(user))
  }

  /** The same connection in the name of somebody else. */
  as(user: UnixUser | Credentials): Session {
    return new Session(this.rpc, this.root, 'flavor' in user ? user : authSys(user))
  }

  close(): Promise<void> {
    return this.rpc.close()
  }

  async mkdir(dir: Buffer, name: string, mode = 0o755): Promise<Buffer> {
    const where = { dir, name }
    return ok(await this.nfs.mkdir({ where, attributes: sattr({ mode }) })).obj as Buffer
  }

  async create(dir: Buffer, name: string, { mode = 0o644, data }: NewFile = {}): Promise<Buffer> {
    const how = { mode: createmode3.GUARDED, obj_attributes: sattr({ mode }) }
    const file = ok(await this.nfs.create({ where: { dir, name }, how })).obj as Buffer
    if (data !== undefined) await this.write(file, 0, data)
    return file
  }

  async symlink(dir: Buffer, name: string, target: string): Promise<Buffer> {
    const symlink = { symlink_attributes: sattr(), symlink_data: target }
    return ok(await this.nfs.symlink({ where: { dir, name }, symlink })).obj as Buffer
  }

  async mknod(dir: Buffer, name: string, { type }: Special): Promise<Buffer> {
    const what = { type, pipe_attributes: sattr({ mode: 0o644 }) }
    return ok(await this.nfs.mknod({ where: { dir, name }, what })).obj as Buffer
  }

  async link(file: Buffer, dir: Buffer, name: string): Promise<void> {
    ok(await this.nfs.link({ file, link: { dir, name } }))
  }

  async remove(dir: Buffer, name: string): Promise<void> {
    ok(await this.nfs.remove({ object: { dir, name } }))
  }

  async rename(fromDir: Buffer, from: string, toDir: Buffer, to: string): Promise<void> {
    const args = { from: { dir: fromDir, name: from }, to: { dir: toDir, name: to } }
    ok(await this.nfs.rename(args))
  }

  async set(object: Buffer, attributes: Parameters<typeof sattr>[0]): Promise<void> {
    const new_attributes = sattr(attributes)
    ok(await this.nfs.setattr({ object, new_attributes, guard: undefined }))
  }

  async attributes(object: Buffer): Promise<fattr3> {
    return ok(await this.nfs.getattr({ object })).obj_attributes
  }

  async lookup(dir: Buffer, name: string): Promise<Buffer> {
    return ok(await this.nfs.lookup({ what: { dir, name } })).object
  }

  /** Writes to stable storage unless told otherwise. */
  async write(
    file: Buffer,
    offset: number,
    data: Buffer | string,
    stable: 0 | 1 | 2 = stable_how.FILE_SYNC,
  ): Promise<void> {
    const bytes = Buffer.from(data)
    const args = { file, offset, count: bytes.length, stable, data: bytes }
    const { count } = ok(await this.nfs.write(args))
    if (count !== bytes.length) throw new Error(`${count} of ${bytes.length} bytes written`)
  }

  async read(file: Buffer, offset: number, count: number): Promise<Buffer> {
    return ok(await this.nfs.read({ file, offset, count })).data
  }

  /** The whole file, by as many READs as it takes. */
  async readAll(file: Buffer): Promise<Buffer> {
    const parts: Buffer[] = []
    for (let offset = 0; ; ) {
      const { data, eof } = ok(await this.nfs.read({ file, offset, count: 1 << 20 }))
      parts.push(data)
      offset += data.length
      if (eof) return Buffer.concat(parts)
      if (data.length === 0) throw new Error('an empty READ that is not at the end')
    }
  }

  async commit(file: Buffer): Promise<Buffer> {
    return ok(await this.nfs.commit({ file, offset: 0, count: 0 })).verf
  }

  /** Names in a directory in the order in which the server lists them, without `.` and `..`. */
  async names(dir: Buffer): Promise<string[]> {
    const entries = await listDirectory(this.nfs, dir)
    return entries.map(({ name }) => name).filter((name) => name !== '.' && name !== '..')
  }

  async exists(dir: Buffer, name: string): Promise<boolean> {
    return (await this.nfs.lookup({ what: { dir, name } })).status === 0
  }
}

export async function connect(
  port: number,
  options: Partial<RpcClientOptions> = {},
): Promise<RpcClient> {
  connections += 1
  const firstXid = (process.pid * 0x10000 + connections * 0x1000000) >>> 0
  return RpcClient.connect({ port, firstXid, timeoutMs: 30_000, ...options })
}

/** A client whose calls carry these credentials unless one brings its own. */
function nfsAs(rpc: RpcClient, credentials: Credentials): Nfs3Client {
  const client = nfs3Client(rpc)
  const methods = (Object.keys(nfs3) as (keyof Nfs3Client)[]).map((name) => [
    name,
    (args: never, options?: CallOptions) => client[name](args, { credentials, ...options }),
  ])
  return Object.fromEntries(methods) as Nfs3Client
}
