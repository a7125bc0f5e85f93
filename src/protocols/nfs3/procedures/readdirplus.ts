// RFC 1813 section 3.3.17: READDIRPLUS - Extended read from directory.

import { compile } from '../../../wire/compile.ts'
import type { Infer } from '../../../wire/schema.ts'
import * as xdr from '../../../wire/schema.ts'
import { HANDLE_SIZE } from '../../handle.ts'
import type { ReplyWriter } from '../../rpc/reply-writer.ts'
import { type Nfs3, NOW, type Opened } from '../context.ts'
import {
  entriesOf,
  LISTING_HEAD,
  LISTING_MAX,
  LISTING_OVERHEAD,
  listForbids,
  paddedLength,
  writeListing,
  writeListingHead,
} from '../listing.ts'
import { ListingCache, type PageRecorder, type PageRequest } from '../listing-cache.ts'
import { queryProcedure } from '../query.ts'
import { type Failure3, nfs3Status } from '../status.ts'
import {
  cookieverf3,
  type fattr3,
  filename3,
  nfs_fh3,
  OK,
  post_op_attr,
  post_op_fh3,
  result3,
} from '../wire-types.ts'

export const READDIRPLUS3args = compile(
  xdr.struct('READDIRPLUS3args', {
    dir: nfs_fh3,
    cookie: xdr.uint53,
    cookieverf: cookieverf3,
    dircount: xdr.u32,
    maxcount: xdr.u32,
  }),
)
export const entryplus3 = compile(
  xdr.struct('entryplus3', {
    fileid: xdr.uint53,
    name: filename3,
    cookie: xdr.uint53,
    name_attributes: post_op_attr,
    name_handle: post_op_fh3,
  }),
)
const dirlistplus3 = xdr.struct('dirlistplus3', {
  entries: xdr.list(entryplus3.schema, 100_000),
  eof: xdr.bool,
})
export const READDIRPLUS3res = compile(
  result3(
    'READDIRPLUS3res',
    xdr.struct('READDIRPLUS3resok', {
      dir_attributes: post_op_attr,
      cookieverf: cookieverf3,
      reply: dirlistplus3,
    }),
    xdr.struct('READDIRPLUS3resfail', { dir_attributes: post_op_attr }),
  ),
)

/** A listing is made while it is written. */
interface Listed extends PageRequest {
  readonly status: typeof OK
  readonly dir_attributes: fattr3
  readonly dir: Opened
}
type Result = { readonly status: Failure3; readonly dir_attributes: fattr3 | undefined } | Listed

const PLUS = 4 + 84 + 4 + 4 + HANDLE_SIZE

function write(nfs: Nfs3, cache: ListingCache, w: ReplyWriter, result: Result): void {
  if (result.status !== OK) {
    READDIRPLUS3res.encode(w, result)
    return
  }
  const { dir, dir_attributes } = result
  const page = cache.page(dir, result)
  if (Buffer.isBuffer(page)) {
    writeListingHead(w, dir_attributes)
    w.raw(page, page.length)
    return
  }
  const start = w.pos
  const written = writeEntries(nfs, w, result, page)
  if (!written) {
    READDIRPLUS3res.encode(w, { status: nfs3Status.tooSmall, dir_attributes })
  } else if (page !== undefined) {
    cache.keep(dir, result, page, w.written(start + LISTING_HEAD))
  }
}

function writeEntries(
  nfs: Nfs3,
  w: ReplyWriter,
  { dir, dir_attributes, cookie, dircount, maxcount }: Listed,
  recorder: PageRecorder | undefined,
): boolean {
  let [plain, room] = [dircount, Math.min(maxcount, LISTING_MAX) - LISTING_OVERHEAD]
  let some = false
  const first = w.pos + LISTING_HEAD
  return writeListing(
    w,
    dir_attributes,
    entriesOf(nfs, dir, cookie),
    ({ name }) => {
      const size = 4 + 8 + 4 + paddedLength(name) + 8
      plain -= size
      room -= size + PLUS
      // dircount limits what the entries are without attributes and handles; one always goes.
      const fits = room >= 0 && (plain >= 0 || !some)
      some = true
      return fits
    },
    ({ ino, name, cookie: at, asOf }) => {
      const entry = nfs.entryIn(dir, ino, asOf)
      entryplus3.encode(w, {
        fileid: ino,
        name,
        cookie: at,
        name_attributes: entry?.attributes,
        name_handle: entry?.handle,
      })
      if (recorder === undefined) return
      if (entry === undefined || asOf !== NOW) recorder.whole = false
      else recorder.add(dir.share.id, ino, w.pos - first)
    },
  )
}

export const readdirplus = (nfs: Nfs3) => {
  const cache = new ListingCache(nfs.engine)
  return queryProcedure<Infer<typeof READDIRPLUS3args.schema>, Result>(nfs, {
    number: 17,
    name: 'READDIRPLUS',
    args: READDIRPLUS3args,
    write: (w, result) => write(nfs, cache, w, result),
    run: (_, { dir: handle, cookie, dircount, maxcount }, call) => {
      const dir = nfs.open(handle, call)
      if (typeof dir === 'string') return { status: nfs3Status[dir], dir_attributes: undefined }
      const dir_attributes = nfs.attributes(dir)
      const why = listForbids(dir) ?? (cookie > Number.MAX_SAFE_INTEGER ? 'badCookie' : undefined)
      if (why !== undefined) return { status: nfs3Status[why], dir_attributes }
      nfs.keepAccessTime(dir, 'nfs3.READDIRPLUS', call)
      return { status: OK, dir_attributes, dir, cookie, dircount, maxcount }
    },
  })
}
