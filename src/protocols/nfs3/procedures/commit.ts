// RFC 1813 section 3.3.21: COMMIT - Commit cached data on a server to stable storage.
import { SealError } from '../../../commands/content/sealer.ts'
import type { Refusal } from '../../../journal/refusal.ts'
import { fileKind } from '../../../projections/inode.ts'
import { compile } from '../../../wire/compile.ts'
import * as xdr from '../../../wire/schema.ts'
import { type Nfs3, NOW, type Opened } from '../context.ts'
import { queryProcedure } from '../query.ts'
import { nfs3Status } from '../status.ts'
import { nfs_fh3, OK, result3, wcc_data, writeverf3 } from '../wire-types.ts'

export const COMMIT3args = compile(
  xdr.struct('COMMIT3args', { file: nfs_fh3, offset: xdr.uint53, count: xdr.u32 }),
)
export const COMMIT3res = compile(
  result3(
    'COMMIT3res',
    xdr.struct('COMMIT3resok', { file_wcc: wcc_data, verf: writeverf3 }),
    xdr.struct('COMMIT3resfail', { file_wcc: wcc_data }),
  ),
)

export const commit = (nfs: Nfs3) =>
  queryProcedure(nfs, {
    number: 21,
    name: 'COMMIT',
    brief: true,
    args: COMMIT3args,
    res: COMMIT3res,
    // The whole file is committed: the range is a hint (RFC 1813 section 3.3.21).
    run: (_, { file }, call) => {
      const opened = nfs.openToChange(file, call)
      const failed = (why: Refusal) => ({
        status: nfs3Status[why],
        file_wcc: nfs.wcc(typeof opened === 'string' ? undefined : opened, NOW),
      })
      if (typeof opened === 'string') return failed(opened)
      if (opened.inode.kind !== fileKind.regular) return failed('invalid')
      const committed = () => ({
        status: OK,
        file_wcc: nfs.wcc(opened, NOW),
        verf: nfs.engine.verifier,
      })
      const sealing = committing(nfs, opened)
      if (sealing === undefined) return committed()
      return sealing.then(
        () => committed,
        (error: unknown) => {
          if (error instanceof SealError) return () => failed(error.refusal)
          throw error
        },
      )
    },
  })

/** An async share does not wait for the disk, but what is staged goes there all the same. */
function committing(nfs: Nfs3, { share, ino, asOf }: Opened): Promise<void> | undefined {
  if (asOf !== NOW) return undefined
  const sealing = nfs.engine.content.commit(share.id, ino)
  if (sealing === undefined || share.options.durability === 'durable') return sealing
  sealing.catch(() => undefined)
  return undefined
}
