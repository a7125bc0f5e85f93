import type { Disk, DiskFile } from '../../src/content/disk.ts'

class MemoryFile implements DiskFile {
  private bytes = Buffer.alloc(0)
  private length = 0

  write(buffers: readonly Buffer[], at: number): void {
    let offset = at
    for (const buffer of buffers) {
      this.reserve(offset + buffer.length)
      buffer.copy(this.bytes, offset)
      offset += buffer.length
    }
    this.length = Math.max(this.length, offset)
  }

  private reserve(size: number): void {
    if (size <= this.bytes.length) return
    const larger = Buffer.alloc(Math.max(size, 2 * this.bytes.length))
    this.bytes.copy(larger)
    this.bytes = larger
  }

  async writeLater(buffers: readonly Buffer[], at: number): Promise<void> {
    this.write(buffers, at)
  }

  sync(): void {}

  async syncLater(): Promise<void> {}

  read(into: Buffer, at: number): number {
    if (at >= this.length) return 0
    return this.bytes.copy(into, 0, at, Math.min(this.length, at + into.length))
  }

  async readLater(into: Buffer, at: number): Promise<number> {
    return this.read(into, at)
  }

  size(): number {
    return this.length
  }

  truncate(size: number): void {
    this.length = size
  }

  close(): void {}
}

/** A disk on the heap, without end. */
export class MemoryDisk implements Disk {
  private readonly files = new Map<string, MemoryFile>()

  create(name: string): DiskFile {
    if (this.files.has(name)) throw new Error(`${name} is there already`)
    const file = new MemoryFile()
    this.files.set(name, file)
    return file
  }

  open(name: string): DiskFile {
    const file = this.files.get(name)
    if (file === undefined) throw new Error(`there is no ${name}`)
    return file
  }

  list(): readonly string[] {
    return [...this.files.keys()].sort()
  }

  remove(name: string): void {
    this.files.delete(name)
  }

  space(): { readonly free: number; readonly total: number } {
    return { free: 2 ** 40, total: 2 ** 40 }
  }
}
