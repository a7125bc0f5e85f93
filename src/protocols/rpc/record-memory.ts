import { KiB } from '../../platform/limits.ts'

const LONG = 64 * KiB
const FREE_MAX = 8

/**
 * Memory of long records, for all connections: fresh memory for each WRITE of a megabyte would cost
 * more, in the kernel that must clear it, than copying the data.
 */
const free: Buffer[] = []

export const RecordMemory = {
  /** At least `length` bytes; `limit` when that is much. */
  take(length: number, limit: number): Buffer {
    if (length < LONG) return Buffer.allocUnsafeSlow(length)
    for (let last = free.pop(); last !== undefined; last = free.pop()) {
      if (last.length >= limit) return last
    }
    return Buffer.allocUnsafeSlow(Math.max(length, limit))
  },

  give(bytes: Buffer): void {
    if (bytes.length >= LONG && free.length < FREE_MAX) free.push(bytes)
  },
} as const
