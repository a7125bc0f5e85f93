import { toRecord } from '../../test/client/record-marking.ts'
import { type Callable, type Credentials, encodeCall } from '../../test/client/rpc-call.ts'
import { putU32 } from './record-scanner.ts'

/** Where a record's xid is: behind the record mark. */
const XID_AT = 4

/** A whole record, mark and all, to be copied and patched. */
export function callRecord<Args>(
  procedure: Callable<Args>,
  args: Args,
  credentials: Credentials,
): Buffer {
  return toRecord(encodeCall(procedure, args, 0, credentials))
}

export function putXid(out: Buffer, at: number, xid: number): void {
  putU32(out, at + XID_AT, xid)
}

/** A 64-bit offset; all of ours fit into 53 bits. */
export function putU64(out: Buffer, at: number, value: number): void {
  putU32(out, at, Math.floor(value / 0x100000000))
  putU32(out, at + 4, value >>> 0)
}

/** How many bytes a handle or another opaque of this length takes. */
export function opaqueSize(bytes: Buffer): number {
  return 4 + ((bytes.length + 3) & ~3)
}

/** Where the arguments begin: the mark, ten words, and the credentials' body. */
export function argsAt(credentials: Credentials): number {
  return 4 + 40 + ((credentials.body.length + 3) & ~3)
}
