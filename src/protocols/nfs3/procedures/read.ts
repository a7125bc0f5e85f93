// RFC 1813 section 3.3.6: READ - Read from file.
import { MAY_EXECUTE, MAY_READ, mayAccess } from '../../../auth/access.ts'
import type { Part } from '../../../commands/content/sealed-content.ts'
import { DamageError } from '../../../content/damage.ts'
import type { Refusal } from '../../../journal/refusal.ts'
import { FILE_SIZE_MAX } from '../../../platform/limits.ts'
import { fileKind } from '../../../projections/inode.ts'
import { compile } from '../../../wire/compile.ts'
import type { Infer } from '../../../wire/schema.ts'
import * as xdr from '../../../wire/schema.ts'
import type { ReplyWriter } from '../../rpc/reply-writer.ts'
import type { Nfs3, Opened } from '../context.ts'
import { queryProcedure } from '../query.ts'
import { type Failure3, nfs3Status } from '../status.ts'
import { type fattr3, MAX_IO, nfs_fh3, OK, post_op_attr, result3 } from '../wire-types.ts'

export const READ3args = compile(
  xdr.struct('READ3args', { file: nfs_fh3, offset: xdr.uint53, count: xdr.u32 }),
)
export const READ3res = compile(
  result3(
    'READ3res',
    xdr.struct('READ3resok', {
      file_attributes: post_op_attr,
      count: xdr.u32,
      eof: xdr.bool,
      data: xdr.opaque(MAX_IO),
    }),
    xdr.struct('READ3resfail', { file_attributes: post_op_attr }),
  ),
)

/** A result whose data lies in parts, wherever they are. */
type Result =
  | {
      readonly status: typeof OK
      readonly file_attributes: fattr3
      readonly count: number
      readonly eof: boolean
      readonly parts: readonly Part[]
    }
  | { readonly status: Failure3; readonly file_attributes: fattr3 | undefined }

/** The same as READ3res.encode, but large data goes to the socket from where it lies. */
function write(w: ReplyWriter, result: Result): void {
  if (result.status !== OK) {
    READ3res.encode(w, result)
    return
  }
  const { count, eof, parts, file_attributes } = result
  resok.encode(w, { status: OK, file_attributes, count, eof, length: count })
  for (const part of parts) {
    if (typeof part === 'number') w.zeros(part)
    else w.attach(part)
  }
  w.zeros((4 - (count % 4)) % 4)
}

const resok = compile(
  xdr.struct('READ3resok', {
    status: xdr.u32,
    file_attributes: post_op_attr,
    count: xdr.u32,
    eof: xdr.bool,
    length: xdr.u32,
  }),
)

function readForbids({ inode, principal }: Opened): Refusal | undefined {
  if (inode.kind === fileKind.directory) return 'isDirectory'
  if (inode.kind !== fileKind.regular) return 'invalid'
  // The owner may have it open from before the mode forbade it; and what may be executed may be
  // read, or nobody could run it.
  if (inode.uid === principal.uid) return undefined
  const may = mayAccess(inode, principal, MAY_READ) || mayAccess(inode, principal, MAY_EXECUTE)
  return may ? undefined : 'accessDenied'
}

export const read = (nfs: Nfs3) =>
  queryProcedure<Infer<typeof READ3args.schema>, Result>(nfs, {
    number: 6,
    name: 'READ',
    brief: true,
    args: READ3args,
    write,
    run: (_, { file, offset, count }, call) => {
      const opened = nfs.open(file, call)
      if (typeof opened === 'string') {
        return { status: nfs3Status[opened], file_attributes: undefined }
      }
      const file_attributes = nfs.attributes(opened)
      const why = readForbids(opened) ?? (offset > FILE_SIZE_MAX ? 'invalid' : undefined)
      if (why !== undefined) return { status: nfs3Status[why], file_attributes }
      const { view, inode } = opened
      const staged = nfs.staged(opened)
      const size = nfs.engine.content.sizeOf(inode, staged)
      const end = Math.min(size, offset + Math.min(count, MAX_IO))
      nfs.keepAccessTime(opened, 'nfs3.READ', call)
      const result = (parts: readonly Part[]): Result => ({
        status: OK,
        file_attributes,
        count: Math.max(0, end - offset),
        eof: end >= size || offset >= size,
        parts,
      })
      if (end <= offset) return result([])
      return damageAsError(file_attributes, () => {
        const parts = nfs.engine.content.read(view, inode, staged, offset, end)
        return parts instanceof Promise ? parts.then(result) : result(parts)
      })
    },
  })

/** A damaged range is an error for who reads it, and for nobody else. */
function damageAsError(
  file_attributes: fattr3,
  body: () => Result | Promise<Result>,
): Result | Promise<Result> {
  const failed = (error: unknown): Result => {
    if (error instanceof DamageError) return { status: nfs3Status.inputOutput, file_attributes }
    throw error
  }
  try {
    const result = body()
    return result instanceof Promise ? result.catch(failed) : result
  } catch (error) {
    return failed(error)
  }
}
