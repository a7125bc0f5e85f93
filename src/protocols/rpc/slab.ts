import { KiB } from '../../platform/limits.ts'

/** Memory that replies are written into. */
export interface Slab {
  readonly bytes: Buffer
  readonly view: DataView
}

/** A READ of 4 KiB from each of two dozen calls that came together. */
export const SLAB_SIZE = 128 * KiB
const FREE_MAX = 64

const slabOf = (size: number): Slab => {
  const bytes = Buffer.allocUnsafeSlow(size)
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, size) }
}

/**
 * Slabs that are free, for all connections: one that has nothing to say needs none. Without it each
 * batch of replies would allocate memory outside the heap, and its size sets off the collector.
 */
class SlabPool {
  private readonly free: Slab[] = []

  take(): Slab {
    return this.free.pop() ?? slabOf(SLAB_SIZE)
  }

  give(slab: Slab): void {
    if (slab.bytes.length === SLAB_SIZE && this.free.length < FREE_MAX) this.free.push(slab)
  }
}

export const slabs = new SlabPool()
