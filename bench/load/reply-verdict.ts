import { nfsstat3 } from '../../src/protocols/nfs3/wire-types.ts'
import { accept_stat } from '../../src/protocols/rpc/rpc-message.ts'
import { nameOf } from '../../test/client/rpc-error.ts'
import { u32 } from './record-scanner.ts'

/** Bytes of a reply that `verdictOf` reads: the accepted header and the procedure's status. */
export const VERDICT_BYTES = 28

const DENIED = -100
const MALFORMED = -101
export const UNEXPECTED_XID = -102
export const TOO_SHORT = -103

/**
 * What a reply says, from fixed positions: 0 for success, an nfsstat3 above, a refusal of the RPC
 * layer below. Servers answer AUTH_SYS with an empty verifier, which is taken for granted.
 */
export function verdictOf(bytes: Buffer, at: number, length: number): number {
  if (length < 12 || u32(bytes, at + 4) !== 1) return MALFORMED
  if (u32(bytes, at + 8) !== 0) return DENIED
  if (length < 24 || u32(bytes, at + 16) !== 0) return MALFORMED
  const accepted = u32(bytes, at + 20)
  if (accepted !== 0) return -accepted
  return length < VERDICT_BYTES ? MALFORMED : u32(bytes, at + 24)
}

/** Counts what went wrong. One failed call fails the run: a fast error is no throughput. */
export class FailureTally {
  private readonly counts = new Map<number, number>()

  add(verdict: number): void {
    this.counts.set(verdict, (this.counts.get(verdict) ?? 0) + 1)
  }

  throwIfAny(what: string): void {
    if (this.counts.size === 0) return
    const list = [...this.counts].map(([verdict, n]) => `${n} × ${nameOfVerdict(verdict)}`)
    throw new Error(`${what}: ${list.join(', ')}`)
  }
}

function nameOfVerdict(verdict: number): string {
  if (verdict > 0) return nameOf(nfsstat3, verdict)
  const own = { DENIED, MALFORMED, UNEXPECTED_XID, TOO_SHORT }
  return verdict <= DENIED ? nameOf(own, verdict) : nameOf(accept_stat, -verdict)
}
