const LAST_FRAGMENT = 0x80000000

/**
 * Is given each record: its first bytes at `bytes[at]`, at least as many as the scanner keeps (or
 * the whole record, if that is shorter), and its length. The bytes are valid during the call only.
 */
export interface RecordSink {
  record(bytes: Buffer, at: number, length: number): void
}

/**
 * Finds the records in what a socket delivers without putting them together: a record that lies
 * within one chunk is handed on where it is, and of any other only the first bytes are kept.
 */
export class RecordScanner {
  private readonly sink: RecordSink
  private readonly head: Buffer
  private readonly mark = Buffer.alloc(4)
  private markSize = 0
  private left = 0
  private length = 0
  private last = false

  constructor(sink: RecordSink, keep: number) {
    this.sink = sink
    this.head = Buffer.alloc(keep)
  }

  push(chunk: Buffer, size: number): void {
    let at = 0
    while (at < size) {
      if (this.markSize === 0 && this.length === 0 && size - at >= 4) {
        const length = u32(chunk, at) - LAST_FRAGMENT
        if (length >= 0 && length <= size - at - 4) {
          this.sink.record(chunk, at + 4, length)
          at += 4 + length
          continue
        }
      }
      at = this.markSize < 4 ? this.takeMark(chunk, at) : this.takeBytes(chunk, at, size)
    }
  }

  private takeMark(chunk: Buffer, at: number): number {
    this.mark[this.markSize++] = chunk[at] ?? 0
    if (this.markSize === 4) {
      const word = u32(this.mark, 0)
      this.last = word >= LAST_FRAGMENT
      this.left = word % LAST_FRAGMENT
      if (this.left === 0) this.endFragment()
    }
    return at + 1
  }

  private takeBytes(chunk: Buffer, at: number, size: number): number {
    const end = Math.min(size, at + this.left)
    if (this.length < this.head.length) chunk.copy(this.head, this.length, at, end)
    this.length += end - at
    this.left -= end - at
    if (this.left === 0) this.endFragment()
    return end
  }

  private endFragment(): void {
    this.markSize = 0
    if (!this.last) return
    const { length } = this
    this.length = 0
    this.sink.record(this.head, 0, length)
  }
}

export function u32(bytes: Buffer, at: number): number {
  return (
    (bytes[at]! * 0x1000000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)) >>>
    0
  )
}

export function putU32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
