/** Bytes that are changed in place. */
export class GrowingBytes {
  private room: Buffer
  private length: number

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.room = Buffer.from(bytes)
    this.length = bytes.length
  }

  get size(): number {
    return this.length
  }

  get bytes(): Buffer {
    return this.room.subarray(0, this.length)
  }

  write(offset: number, bytes: Buffer): void {
    if (offset + bytes.length > this.length) this.resize(offset + bytes.length)
    bytes.copy(this.room, offset)
  }

  resize(size: number): void {
    if (size > this.room.length) {
      const room = Buffer.alloc(Math.max(size, 2 * this.room.length))
      this.room.copy(room, 0, 0, this.length)
      this.room = room
    } else if (size > this.length) {
      this.room.fill(0, this.length, size)
    }
    this.length = size
  }

  become(bytes: Buffer): void {
    this.room = Buffer.from(bytes)
    this.length = bytes.length
  }
}
