// RFC 1813 sections 3.3.16 and 3.3.17: what READDIR and READDIRPLUS share.
import { MAY_READ, mayAccess } from '../../auth/access.ts'
import { HISTORY_NAME } from '../../commands/tree/checks.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { FIRST_COOKIE, fileKind, ROOT_INO } from '../../projections/inode.ts'
import { compile } from '../../wire/compile.ts'
import { HISTORY_INO } from '../history-moment.ts'
import type { ReplyWriter } from '../rpc/reply-writer.ts'
import { HISTORY, type Nfs3, NOW, type Opened } from './context.ts'
import { isHistory, type ListedEntry, momentsOf } from './history.ts'
import { type fattr3, OK, post_op_attr } from './wire-types.ts'

const attributes = compile(post_op_attr)

/** Cookies never lose their meaning, so there is nothing to verify. */
export const COOKIE_VERIFIER = Buffer.alloc(8)
/** More is not listed in one reply, however much the client would take. */
export const LISTING_MAX = 256 * 1024
/** Of a result: attributes, verifier, the end of the list and eof. */
export const LISTING_OVERHEAD = 4 + 84 + 8 + 4 + 4
/** What of a successful result is before its first entry: the status too. */
export const LISTING_HEAD = 4 + 4 + 84 + 8

export function listForbids({ inode, principal }: Opened): Refusal | undefined {
  if (inode.kind !== fileKind.directory) return 'notDirectory'
  return mayAccess(inode, principal, MAY_READ) ? undefined : 'accessDenied'
}

/** Entries behind a cookie, `.` and `..` first. */
export function* entriesOf(nfs: Nfs3, dir: Opened, cookie: number): Iterable<ListedEntry> {
  const { share, view, ino, inode, asOf } = dir
  if (cookie < 1) yield { ino, name: '.', cookie: 1, asOf }
  if (isHistory(dir)) {
    if (cookie < 2) yield { ino: ROOT_INO, name: '..', cookie: 2, asOf: NOW }
    for (const moment of momentsOf(nfs, share)) if (moment.cookie > cookie) yield moment
    return
  }
  const inPast = asOf !== NOW && ino === ROOT_INO
  if (cookie < 2) {
    const parent = inPast ? HISTORY_INO : inode.parent
    yield { ino: parent, name: '..', cookie: 2, asOf: inPast ? HISTORY : asOf }
  }
  const from = Math.max(FIRST_COOKIE, cookie + 1)
  for (const [at, { name, ino: entry }] of view.list(ino, from)) {
    yield { ino: entry, name, cookie: at, asOf }
  }
  if (
    cookie < HISTORY_COOKIE &&
    ino === ROOT_INO &&
    asOf === NOW &&
    share.options.history === 'listed'
  ) {
    yield { ino: HISTORY_INO, name: HISTORY_NAME, cookie: HISTORY_COOKIE, asOf: HISTORY }
  }
}

/** Where `.history` is listed it comes last. */
const HISTORY_COOKIE = 2 ** 52

export const paddedLength = (name: string): number => (name.length + 3) & ~3

export function writeListingHead(w: ReplyWriter, dir_attributes: fattr3): void {
  w.u32(OK)
  attributes.encode(w, dir_attributes)
  w.raw(COOKIE_VERIFIER, 8)
}

/**
 * Writes a successful result entry by entry as long as `fits` lets it. False, with nothing written,
 * when not even one fits.
 */
export function writeListing(
  w: ReplyWriter,
  dir_attributes: fattr3,
  entries: Iterable<ListedEntry>,
  fits: (entry: ListedEntry) => boolean,
  writeEntry: (entry: ListedEntry) => void,
): boolean {
  const start = w.pos
  writeListingHead(w, dir_attributes)
  let count = 0
  let eof = true
  for (const entry of entries) {
    if (!fits(entry)) {
      eof = false
      break
    }
    w.u32(1)
    writeEntry(entry)
    count += 1
  }
  if (count === 0 && !eof) {
    w.pos = start
    return false
  }
  w.u32(0)
  w.u32(eof ? 1 : 0)
  return true
}
