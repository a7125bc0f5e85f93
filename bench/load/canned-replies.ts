import { MNT3res, MOUNT_PROGRAM } from '../../src/protocols/mount3/mount3-types.ts'
import { ftype3 } from '../../src/protocols/nfs3/wire-types.ts'
import { accept_stat, msg_type, reply_header } from '../../src/protocols/rpc/rpc-message.ts'
import type { Codec } from '../../src/wire/schema.ts'
import { Writer } from '../../src/wire/writer.ts'
import { nfs3 } from '../../test/client/nfs3-client.ts'
import { toRecord } from '../../test/client/record-marking.ts'
import { authNone } from '../../test/client/rpc-call.ts'
import { u32 } from './record-scanner.ts'

const MAX_REPLY = 2 << 20
/** Data from this size on is sent from where it lies. */
const LARGE_DATA = 64 * 1024
const RTMAX = 1 << 20
const DTPREF = 64 * 1024
/** About what an entry of a listing takes on the wire. */
const ENTRY_BYTES = 160

/** A record whose xid is to be patched, and what follows it on the wire. */
export interface CannedReply {
  readonly head: Buffer
  readonly body?: Buffer
}

const handle = Buffer.alloc(24, 1)
const verf = Buffer.alloc(8)
const time = { seconds: 1_700_000_000, nseconds: 0 }
const attributes = {
  type: ftype3.NF3REG,
  mode: 0o644,
  nlink: 1,
  uid: 1000,
  gid: 1000,
  size: 1 << 28,
  used: 1 << 28,
  rdev: { specdata1: 0, specdata2: 0 },
  fsid: 1,
  fileid: 2,
  atime: time,
  mtime: time,
  ctime: time,
}
const wcc = { before: { size: 0, mtime: time, ctime: time }, after: attributes }
const status = 0
const made = { status, obj: handle, obj_attributes: attributes, dir_wcc: wcc } as const

/** Chooses a reply by what a call asks for; each is encoded once, when it is first needed. */
export class CannedReplies {
  private readonly known = new Map<number, CannedReply>()
  private readonly pages = new Map<string, CannedReply>()
  private readonly entries: number

  constructor(entries: number) {
    this.entries = entries
  }

  to(call: Buffer, at: number): CannedReply {
    const procedure = u32(call, at + 20)
    if (u32(call, at + 12) === MOUNT_PROGRAM) return this.once(-1, () => mounted())
    const credentials = (u32(call, at + 28) + 3) & ~3
    const args = at + 40 + credentials
    const rest = args + 4 + ((u32(call, args) + 3) & ~3)
    switch (procedure) {
      case nfs3.read.number: {
        const count = u32(call, rest + 8)
        return this.once(count * 32 + procedure, () => dataRead(count))
      }
      case nfs3.write.number: {
        const count = u32(call, rest + 8)
        return this.once(count * 32 + procedure, () => written(count))
      }
      case nfs3.readdirplus.number:
        return this.page(u32(call, rest + 4), u32(call, rest + 20))
      default:
        return this.once(procedure, () => fixedReply(procedure))
    }
  }

  private once(key: number, make: () => CannedReply): CannedReply {
    let reply = this.known.get(key)
    if (reply === undefined) {
      reply = make()
      this.known.set(key, reply)
    }
    return reply
  }

  private page(cookie: number, maxcount: number): CannedReply {
    const key = `${cookie} ${maxcount}`
    let reply = this.pages.get(key)
    if (reply === undefined) {
      const count = Math.min(this.entries - cookie, Math.floor((maxcount - 128) / ENTRY_BYTES))
      reply = listed(cookie, count, cookie + count === this.entries)
      this.pages.set(key, reply)
    }
    return reply
  }
}

function success<T>(codec: Codec<T>, value: T): CannedReply {
  const w = new Writer(4096, MAX_REPLY)
  reply_header.encode(w, {
    xid: 0,
    mtype: msg_type.REPLY,
    reply: { stat: 0, verf: authNone, reply_data: { stat: accept_stat.SUCCESS } },
  })
  codec.encode(w, value)
  return { head: toRecord(w.written()) }
}

function mounted(): CannedReply {
  return success(MNT3res, { fhs_status: 0, fhandle: handle, auth_flavors: [1] })
}

function dataRead(count: number): CannedReply {
  const data = Buffer.alloc(count)
  const file_attributes = attributes
  const { head } = success(nfs3.read.result, { status, file_attributes, count, eof: false, data })
  if (count < LARGE_DATA) return { head }
  return { head: head.subarray(0, head.length - count), body: head.subarray(head.length - count) }
}

function written(count: number): CannedReply {
  return success(nfs3.write.result, { status, file_wcc: wcc, count, committed: 2, verf })
}

function listed(cookie: number, count: number, eof: boolean): CannedReply {
  const entries = Array.from({ length: count }, (_, i) => ({
    fileid: cookie + i + 10,
    name: `file-${String(cookie + i).padStart(6, '0')}.txt`,
    cookie: cookie + i + 1,
    name_attributes: attributes,
    name_handle: handle,
  }))
  const dir_attributes = attributes
  const reply = { entries, eof }
  return success(nfs3.readdirplus.result, { status, dir_attributes, cookieverf: verf, reply })
}

function fixedReply(procedure: number): CannedReply {
  const obj_attributes = attributes
  switch (procedure) {
    case nfs3.null.number:
      return success(nfs3.null.result, {})
    case nfs3.getattr.number:
      return success(nfs3.getattr.result, { status, obj_attributes })
    case nfs3.setattr.number:
      return success(nfs3.setattr.result, { status, obj_wcc: wcc })
    case nfs3.lookup.number:
      return success(nfs3.lookup.result, {
        status,
        object: handle,
        obj_attributes,
        dir_attributes: attributes,
      })
    case nfs3.access.number:
      return success(nfs3.access.result, { status, obj_attributes, access: 0x2d })
    case nfs3.create.number:
      return success(nfs3.create.result, made)
    case nfs3.mkdir.number:
      return success(nfs3.mkdir.result, made)
    case nfs3.commit.number:
      return success(nfs3.commit.result, { status, file_wcc: wcc, verf })
    case nfs3.fsinfo.number:
      return success(nfs3.fsinfo.result, limits())
    default:
      throw new RangeError(`no reply to procedure ${procedure}`)
  }
}

function limits() {
  return {
    status,
    obj_attributes: attributes,
    rtmax: RTMAX,
    rtpref: RTMAX,
    rtmult: 4096,
    wtmax: RTMAX,
    wtpref: RTMAX,
    wtmult: 4096,
    dtpref: DTPREF,
    maxfilesize: Number.MAX_SAFE_INTEGER,
    time_delta: { seconds: 0, nseconds: 1 },
    properties: 0,
  } as const
}
