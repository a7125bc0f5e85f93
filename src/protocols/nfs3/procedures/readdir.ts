// RFC 1813 section 3.3.16: READDIR - Read from directory.

import { compile } from '../../../wire/compile.ts'
import type { Infer } from '../../../wire/schema.ts'
import * as xdr from '../../../wire/schema.ts'
import type { ReplyWriter } from '../../rpc/reply-writer.ts'
import type { Nfs3, Opened } from '../context.ts'
import type { ListedEntry } from '../history.ts'
import {
  entriesOf,
  LISTING_MAX,
  LISTING_OVERHEAD,
  listForbids,
  paddedLength,
  writeListing,
} from '../listing.ts'
import { queryProcedure } from '../query.ts'
import { type Failure3, nfs3Status } from '../status.ts'
import {
  cookieverf3,
  type fattr3,
  filename3,
  nfs_fh3,
  OK,
  post_op_attr,
  result3,
} from '../wire-types.ts'

export const READDIR3args = compile(
  xdr.struct('READDIR3args', {
    dir: nfs_fh3,
    cookie: xdr.uint53,
    cookieverf: cookieverf3,
    count: xdr.u32,
  }),
)
export const entry3 = compile(
  xdr.struct('entry3', { fileid: xdr.uint53, name: filename3, cookie: xdr.uint53 }),
)
const dirlist3 = xdr.struct('dirlist3', {
  entries: xdr.list(entry3.schema, 100_000),
  eof: xdr.bool,
})
export const READDIR3res = compile(
  result3(
    'READDIR3res',
    xdr.struct('READDIR3resok', {
      dir_attributes: post_op_attr,
      cookieverf: cookieverf3,
      reply: dirlist3,
    }),
    xdr.struct('READDIR3resfail', { dir_attributes: post_op_attr }),
  ),
)

/** A listing is made while it is written. */
type Result =
  | { readonly status: Failure3; readonly dir_attributes: fattr3 | undefined }
  | {
      readonly status: typeof OK
      readonly dir_attributes: fattr3
      readonly dir: Opened
      readonly cookie: number
      readonly count: number
    }

const entrySize = ({ name }: ListedEntry): number => 4 + 8 + 4 + paddedLength(name) + 8

function write(nfs: Nfs3, w: ReplyWriter, result: Result): void {
  if (result.status !== OK) {
    READDIR3res.encode(w, result)
    return
  }
  const { dir, dir_attributes, cookie, count } = result
  let room = Math.min(count, LISTING_MAX) - LISTING_OVERHEAD
  const written = writeListing(
    w,
    dir_attributes,
    entriesOf(nfs, dir, cookie),
    (entry) => {
      room -= entrySize(entry)
      return room >= 0
    },
    ({ ino: fileid, name, cookie: at }) => entry3.encode(w, { fileid, name, cookie: at }),
  )
  if (!written) READDIR3res.encode(w, { status: nfs3Status.tooSmall, dir_attributes })
}

export const readdir = (nfs: Nfs3) =>
  queryProcedure<Infer<typeof READDIR3args.schema>, Result>(nfs, {
    number: 16,
    name: 'READDIR',
    args: READDIR3args,
    write: (w, result) => write(nfs, w, result),
    run: (_, { dir: handle, cookie, count }, call) => {
      const dir = nfs.open(handle, call)
      if (typeof dir === 'string') return { status: nfs3Status[dir], dir_attributes: undefined }
      const dir_attributes = nfs.attributes(dir)
      const why = listForbids(dir) ?? (cookie > Number.MAX_SAFE_INTEGER ? 'badCookie' : undefined)
      if (why !== undefined) return { status: nfs3Status[why], dir_attributes }
      nfs.keepAccessTime(dir, 'nfs3.READDIR', call)
      return { status: OK, dir_attributes, dir, cookie, count }
    },
  })
