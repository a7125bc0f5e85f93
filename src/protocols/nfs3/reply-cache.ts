import { MiB } from '../../platform/limits.ts'
import type { CallId } from '../../projections/replies.ts'

const BYTES = 8 * MiB
/** Results that can be found: a power of two. */
const SLOTS = 32 * 1024

/**
 * Results of non-idempotent calls, by the record they left, so that most retransmissions are
 * answered without looking into the past. Losing one costs time, nothing else. They lie in one
 * buffer, each new one over the oldest: nothing is allocated per call, nor left to be collected.
 */
export class ReplyCache {
  private readonly bytes = Buffer.allocUnsafeSlow(BYTES)
  private readonly seqs = new Float64Array(SLOTS)
  /** Where each result is, counted from the first byte that was ever kept. */
  private readonly starts = new Float64Array(SLOTS)
  private readonly lengths = new Uint32Array(SLOTS)
  private end = 0
  /** Calls that are being worked on and have no record yet. */
  private readonly working = new Map<string, PromiseWithResolvers<void>>()

  /** A view, until the next `keep`. */
  get(seq: number): Buffer | undefined {
    const slot = seq % SLOTS
    const start = this.starts[slot] as number
    if (this.seqs[slot] !== seq || start < this.end - BYTES) return undefined
    const at = start % BYTES
    return this.bytes.subarray(at, at + (this.lengths[slot] as number))
  }

  /** Copies `source` from `from` to `to`. */
  keep(seq: number, source: Buffer, from: number, to: number): void {
    const length = to - from
    if (length > BYTES) return
    const at = this.end % BYTES
    // In one piece: what is left at the end of the buffer is passed over.
    const start = at + length > BYTES ? this.end + BYTES - at : this.end
    source.copy(this.bytes, start % BYTES, from, to)
    const slot = seq % SLOTS
    this.seqs[slot] = seq
    this.starts[slot] = start
    this.lengths[slot] = length
    this.end = start + length
  }

  private key({ client, machine, xid, checksum }: CallId): string {
    return `${client}/${machine}/${xid}/${checksum}`
  }

  /** Resolves when the call is not being worked on any more; undefined when it is not now. */
  underWay(call: CallId): Promise<void> | undefined {
    return this.working.size === 0 ? undefined : this.working.get(this.key(call))?.promise
  }

  /**
   * The call is being worked on until what this returns is called. Who begins it again meanwhile is
   * the one who ends it.
   */
  begin(call: CallId): () => void {
    const key = this.key(call)
    const ended = Promise.withResolvers<void>()
    this.working.set(key, ended)
    return () => {
      if (this.working.get(key) === ended) this.working.delete(key)
      ended.resolve()
    }
  }
}
