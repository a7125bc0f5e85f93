import type { Disk, DiskFile } from './disk.ts'
import { segmentName } from './segment.ts'

interface OpenFile {
  readonly file: DiskFile
  readers: number
  /** Nobody new may use it; who reads last closes it. */
  dropped: boolean
}

const OPEN_MAX = 128

/** Segments open for reading: a bounded number, and none is closed under a reader. */
export class SegmentFiles {
  private readonly disk: Disk
  private readonly open = new Map<number, OpenFile>()

  constructor(disk: Disk) {
    this.disk = disk
  }

  async use<T>(segment: number, read: (file: DiskFile) => Promise<T>): Promise<T> {
    const open = this.lease(segment)
    try {
      return await read(open.file)
    } finally {
      open.readers -= 1
      if (open.dropped && open.readers === 0) open.file.close()
    }
  }

  private lease(segment: number): OpenFile {
    let open = this.open.get(segment)
    if (open === undefined) {
      const oldest = this.open.size >= OPEN_MAX ? this.open.keys().next().value : undefined
      if (oldest !== undefined) this.drop(oldest)
      open = { file: this.disk.open(segmentName(segment)), readers: 0, dropped: false }
    } else {
      // Last used goes last: a Map keeps the order of insertion.
      this.open.delete(segment)
    }
    this.open.set(segment, open)
    open.readers += 1
    return open
  }

  drop(segment: number): void {
    const open = this.open.get(segment)
    if (open === undefined) return
    this.open.delete(segment)
    open.dropped = true
    if (open.readers === 0) open.file.close()
  }

  close(): void {
    for (const segment of [...this.open.keys()]) this.drop(segment)
  }
}
