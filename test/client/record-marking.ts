/** RFC 5531 section 11: records on a byte stream, each in one or more marked fragments. */

const LAST_FRAGMENT = 0x80000000

/**
 * A message as one record. `cuts` are the sizes of the fragments before the last one, which takes
 * the rest; a size of zero is an empty fragment.
 */
export function toRecord(message: Uint8Array, cuts: readonly number[] = []): Buffer {
  const parts: Uint8Array[] = []
  let start = 0
  for (const size of cuts) {
    const end = start + size
    if (end > message.length) throw new RangeError(`no ${size} bytes are left to cut off`)
    parts.push(mark(size, false), message.subarray(start, end))
    start = end
  }
  parts.push(mark(message.length - start, true), message.subarray(start))
  return Buffer.concat(parts)
}

function mark(size: number, last: boolean): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(last ? size + LAST_FRAGMENT : size)
  return bytes
}

/** Puts records together from what a socket delivers. Each record is memory of its own. */
export class RecordAssembler {
  private readonly onRecord: (record: Buffer) => void
  private readonly limit: number
  private parts: Buffer[] = []
  private size = 0
  private header = Buffer.alloc(4)
  private headerSize = 0
  private left = 0
  private last = false

  constructor(onRecord: (record: Buffer) => void, limit: number) {
    this.onRecord = onRecord
    this.limit = limit
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.headerSize < 4) {
        this.header[this.headerSize++] = chunk[at++] ?? 0
        if (this.headerSize === 4) this.startFragment()
      } else {
        const end = Math.min(chunk.length, at + this.left)
        this.parts.push(chunk.subarray(at, end))
        this.left -= end - at
        at = end
      }
      if (this.headerSize === 4 && this.left === 0) this.endFragment()
    }
  }

  /** True when the stream may end here without cutting a record short. */
  get idle(): boolean {
    return this.headerSize === 0 && this.size === 0
  }

  private startFragment(): void {
    const word = this.header.readUInt32BE()
    this.last = word >= LAST_FRAGMENT
    this.left = word % LAST_FRAGMENT
    this.size += this.left
    if (this.size > this.limit) {
      throw new RangeError(`a record of ${this.size} bytes is over the limit of ${this.limit}`)
    }
  }

  private endFragment(): void {
    this.headerSize = 0
    if (!this.last) return
    const record = Buffer.concat(this.parts, this.size)
    this.parts = []
    this.size = 0
    this.onRecord(record)
  }
}
