import type { Disk, DiskFile } from '../../src/content/disk.ts'
import { MemoryDisk } from '../model/memory-disk.ts'

/** A disk on the heap with so many bytes: what does not fit is written as far as it does. */
export class BoundedDisk implements Disk {
  capacity: number
  private readonly disk = new MemoryDisk()

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get used(): number {
    let used = 0
    for (const name of this.disk.list()) used += this.disk.open(name).size()
    return used
  }

  private bounded(file: DiskFile): DiskFile {
    const write = (buffers: readonly Buffer[], at: number): void => {
      const bytes = Buffer.concat(buffers)
      const grows = Math.max(0, at + bytes.length - file.size())
      const over = Math.max(0, this.used + grows - this.capacity)
      file.write([bytes.subarray(0, Math.max(0, bytes.length - over))], at)
      if (over > 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    }
    return {
      write,
      writeLater: async (buffers, at) => write(buffers, at),
      sync: () => file.sync(),
      syncLater: () => file.syncLater(),
      read: (into, at) => file.read(into, at),
      readLater: (into, at) => file.readLater(into, at),
      size: () => file.size(),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    }
  }

  create(name: string): DiskFile {
    return this.bounded(this.disk.create(name))
  }

  open(name: string): DiskFile {
    return this.bounded(this.disk.open(name))
  }

  list(): readonly string[] {
    return this.disk.list()
  }

  remove(name: string): void {
    this.disk.remove(name)
  }

  space(): { readonly free: number; readonly total: number } {
    return { free: this.capacity - this.used, total: this.capacity }
  }
}
