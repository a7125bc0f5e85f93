/**
 * Memory for bytes on their way to the disk, which is used again. It is shared between threads, so
 * that the one that stores content reads it where it lies, and V8 does not count it: what comes and
 * goes outside of its heap sets off full collections.
 */
import { KiB, MiB } from '../platform/limits.ts'

/** The least that is handed out, and the most. Sizes between are powers of two. */
const LEAST = KiB
const MOST = MiB
const CLASSES = Math.log2(MOST / LEAST) + 1

const classOf = (size: number): number =>
  size <= LEAST ? 0 : 32 - Math.clz32(size - 1) - Math.log2(LEAST)

export class MemoryPool {
  /** Bytes that are kept for ever, used or not. What is needed beyond is ordinary memory. */
  private readonly limit: number
  private readonly free: Buffer[][] = Array.from({ length: CLASSES }, () => [])
  private pooled = 0
  private taken = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Bytes that are kept, used or not. */
  get bytes(): number {
    return this.pooled
  }

  /** Bytes of what was taken and has not come back, ordinary memory included. */
  get inUse(): number {
    return this.taken
  }

  /** A buffer of at least `size` bytes, at most a MiB. Its content is anything. */
  take(size: number): Buffer {
    const index = classOf(size)
    const length = LEAST << index
    this.taken += length
    const again = this.free[index]?.pop()
    if (again !== undefined) return again
    if (this.pooled + length > this.limit && !this.makeRoom(length)) {
      return Buffer.allocUnsafeSlow(length)
    }
    this.pooled += length
    return Buffer.from(new SharedArrayBuffer(length))
  }

  /** Gives up buffers of other sizes that nobody uses. */
  private makeRoom(length: number): boolean {
    for (const list of this.free) {
      while (list.length > 0 && this.pooled + length > this.limit) {
        this.pooled -= list.pop()?.length ?? 0
      }
    }
    return this.pooled + length <= this.limit
  }

  /** Nobody uses this any more. */
  give(buffer: Buffer): void {
    this.taken -= buffer.length
    if (isShared(buffer)) this.free[classOf(buffer.length)]?.push(buffer)
  }

  /** Somebody may use this for a long time yet. */
  leave(buffer: Buffer): void {
    this.taken -= buffer.length
    if (isShared(buffer)) this.pooled -= buffer.length
  }
}

export const isShared = ({ buffer }: Buffer): boolean => buffer instanceof SharedArrayBuffer
