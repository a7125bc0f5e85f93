import { MiB } from '../../platform/limits.ts'

const BYTES_MAX = 8 * MiB
const ENTRY_WEIGHT = 200

/**
 * Results of non-idempotent calls, by the record they left, so that most retransmissions are
 * answered without looking into the past. Losing one costs time, nothing else.
 */
export class ReplyCache {
  private readonly results = new Map<number, Buffer>()
  private bytes = 0
  /** Calls that are being worked on and have no record yet. */
  private readonly working = new Set<string>()

  get(seq: number): Buffer | undefined {
    return this.results.get(seq)
  }

  keep(seq: number, result: Buffer): void {
    this.results.set(seq, result)
    this.bytes += result.length + ENTRY_WEIGHT
    if (this.bytes <= BYTES_MAX) return
    for (const [oldest, { length }] of this.results) {
      this.results.delete(oldest)
      this.bytes -= length + ENTRY_WEIGHT
      if (this.bytes <= BYTES_MAX) return
    }
  }

  private key(client: number, xid: number, checksum: number): string {
    return `${client}/${xid}/${checksum}`
  }

  isWorking(client: number, xid: number, checksum: number): boolean {
    return this.working.size > 0 && this.working.has(this.key(client, xid, checksum))
  }

  begin(client: number, xid: number, checksum: number): () => void {
    const key = this.key(client, xid, checksum)
    this.working.add(key)
    return () => this.working.delete(key)
  }
}
