import {
  DUMP3res,
  EXPORT3res,
  MNT3args,
  MNT3res,
  MOUNT_PROGRAM,
  MOUNT_V3,
  MOUNT3void,
  mountproc3,
  mountstat3,
} from '../../src/protocols/mount3/mount3-types.ts'
import type { Codec, Infer } from '../../src/wire/schema.ts'
import type { Procedure } from './rpc-call.ts'
import type { CallOptions, RpcClient } from './rpc-client.ts'
import { nameOf } from './rpc-error.ts'

const row = <Args, Result>(
  name: keyof typeof mountproc3,
  args: Codec<Args>,
  result: Codec<Result>,
): Procedure<Args, Result> => ({
  name: `MOUNTv3 ${name}`,
  program: MOUNT_PROGRAM,
  version: MOUNT_V3,
  number: mountproc3[name],
  args,
  result,
})

/** RFC 1813 appendix I: all procedures of the program. */
export const mount3 = {
  null: row('NULL', MOUNT3void, MOUNT3void),
  mnt: row('MNT', MNT3args, MNT3res),
  dump: row('DUMP', MOUNT3void, DUMP3res),
  umnt: row('UMNT', MNT3args, MOUNT3void),
  umntall: row('UMNTALL', MOUNT3void, MOUNT3void),
  export: row('EXPORT', MOUNT3void, EXPORT3res),
} as const

type Result<C> = C extends Codec<infer T> ? T : never

export class Mount3Client {
  private readonly rpc: RpcClient

  constructor(rpc: RpcClient) {
    this.rpc = rpc
  }

  async null(options?: CallOptions): Promise<void> {
    await this.rpc.call(mount3.null, {}, options)
  }

  mnt(dirpath: string, options?: CallOptions): Promise<Result<typeof MNT3res>> {
    return this.rpc.call(mount3.mnt, { dirpath }, options)
  }

  /** The root handle of an export, or an error that names the status. */
  async root(dirpath: string, options?: CallOptions): Promise<Buffer> {
    const result = await this.mnt(dirpath, options)
    if (result.fhs_status === mountstat3.MNT3_OK) return result.fhandle
    throw new Error(`MNT ${dirpath}: ${nameOf(mountstat3, result.fhs_status)}`)
  }

  async dump(options?: CallOptions): Promise<Infer<(typeof DUMP3res)['schema']>['mountlist']> {
    return (await this.rpc.call(mount3.dump, {}, options)).mountlist
  }

  async umnt(dirpath: string, options?: CallOptions): Promise<void> {
    await this.rpc.call(mount3.umnt, { dirpath }, options)
  }

  async umntall(options?: CallOptions): Promise<void> {
    await this.rpc.call(mount3.umntall, {}, options)
  }

  async export(options?: CallOptions): Promise<Infer<(typeof EXPORT3res)['schema']>['exports']> {
    return (await this.rpc.call(mount3.export, {}, options)).exports
  }
}
