import { nfs3 } from '../../test/client/nfs3-client.ts'
import type { Credentials } from '../../test/client/rpc-call.ts'
import { argsAt, callRecord, opaqueSize, putXid } from './call-record.ts'
import type { CallSource } from './call-source.ts'
import { putU32, u32 } from './record-scanner.ts'
import { VERDICT_BYTES } from './reply-verdict.ts'

const MAX_LINUX_IO = 1 << 20
const FIRST_PAGE = 64 * 1024
const FATTR3_BYTES = 84

/**
 * Complete listings by READDIRPLUS, as the Linux client asks for them (6.1 on the wire, and its
 * source since then): dircount and maxcount are equal, 64 KiB in a listing's first call and twice
 * as much in each further one, but never more than FSINFO's dtpref and rtpref, and 1 MiB. One call
 * at a time: the next one needs the last cookie of the reply before it.
 */
export class ListingCalls implements CallSource {
  readonly size: number
  readonly leastReply = VERDICT_BYTES
  readonly keep = MAX_LINUX_IO + 4096
  private readonly template: Buffer
  private readonly cookieAt: number
  private readonly largestPage: number
  private readonly expected: number
  /** Cookie and verifier: kept as bytes, since servers use all 64 bits of both. */
  private readonly position = Buffer.alloc(16)
  private page: number
  private seen = 0
  private left: number

  /** `listings`: how many there are. */
  constructor(
    dir: Buffer,
    expected: number,
    limits: { readonly dtpref: number; readonly rtpref: number },
    credentials: Credentials,
    listings = Number.POSITIVE_INFINITY,
  ) {
    this.left = listings
    const args = { dir, cookie: 0, cookieverf: Buffer.alloc(8), dircount: 0, maxcount: 0 }
    this.template = callRecord(nfs3.readdirplus, args, credentials)
    this.cookieAt = argsAt(credentials) + opaqueSize(dir)
    this.size = this.template.length
    this.largestPage = Math.min(limits.dtpref, limits.rtpref, MAX_LINUX_IO)
    this.page = this.firstPage
    this.expected = expected
  }

  private get firstPage(): number {
    return Math.min(FIRST_PAGE, this.largestPage)
  }

  exhausted(): boolean {
    return this.left <= 0
  }

  put(out: Buffer, at: number, xid: number): number {
    out.set(this.template, at)
    putXid(out, at, xid)
    out.set(this.position, at + this.cookieAt)
    putU32(out, at + this.cookieAt + 16, this.page)
    putU32(out, at + this.cookieAt + 20, this.page)
    return at + this.size
  }

  /** Walks over the entries of a page; true when it was the last one. */
  finished(bytes: Buffer, start: number, length: number): boolean {
    let at = start + VERDICT_BYTES
    at += 4 + (u32(bytes, at) === 0 ? 0 : FATTR3_BYTES)
    bytes.copy(this.position, 8, at, at + 8)
    at += 8
    while (u32(bytes, at) !== 0) {
      at = this.entry(bytes, at + 4)
      if (at > start + length - 8) throw new RangeError('an entry beyond the end of its reply')
    }
    if (u32(bytes, at + 4) === 0) {
      this.page = Math.min(this.page * 2, this.largestPage)
      return false
    }
    // Servers may list `.` and `..` or leave them out.
    if (this.seen !== this.expected && this.seen !== this.expected + 2) {
      throw new Error(`a listing of ${this.seen} entries instead of ${this.expected}`)
    }
    this.page = this.firstPage
    this.position.fill(0)
    this.seen = 0
    this.left -= 1
    return true
  }

  private entry(bytes: Buffer, start: number): number {
    let at = start + 8
    at += 4 + ((u32(bytes, at) + 3) & ~3)
    bytes.copy(this.position, 0, at, at + 8)
    at += 8
    if (u32(bytes, at) === 0) throw new Error('an entry without attributes')
    at += 4 + FATTR3_BYTES
    if (u32(bytes, at) === 0) throw new Error('an entry without a handle')
    at += 4
    this.seen += 1
    return at + 4 + ((u32(bytes, at) + 3) & ~3)
  }
}
