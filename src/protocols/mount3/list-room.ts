import { MiB } from '../../platform/limits.ts'

/** Entries listed at most, and bytes. */
const ENTRIES_MAX = 10_000
const BYTES_MAX = MiB
/** Of an entry: that there is one, what ends what is in it, and the length of its first string. */
const ENTRY = 12

/**
 * Room for a list in a reply, which has no way to go on in a second one: what does not fit is not
 * listed. RFC 1813 appendix I calls these lists hints.
 */
export class ListRoom {
  private entries = 0
  private bytes = 0

  /** Whether there is room for an entry of these strings, which is then taken. */
  take(first: string, others: readonly string[]): boolean {
    let size = ENTRY + padded(first)
    for (const other of others) size += 8 + padded(other)
    if (this.entries >= ENTRIES_MAX || this.bytes + size > BYTES_MAX) return false
    this.entries += 1
    this.bytes += size
    return true
  }
}

const padded = (text: string): number => Math.ceil(text.length / 4) * 4
