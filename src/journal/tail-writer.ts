/**
 * Makes frames durable, and the small blocks that they name, in one of the two files of the tail
 * log, while what the other one has is brought to where it belongs.
 */
import type { Disk } from '../content/disk.ts'
import { fault } from '../platform/fault.ts'
import { FencedError } from './journal.ts'
import { firstSeqOf } from './tail-entry.ts'
import { type Area, TailFile } from './tail-log.ts'

/** Who brings it there (settler.ts), one file at a time. */
export interface Settling {
  /** A file is being brought there. */
  readonly busy: boolean
  /** The lane of small blocks has no segment behind this one. */
  readonly segment: number
  begin(area: Area, end: number): void
  /** Returns when it is not busy. Throws when the disk has no room for it, or it has failed. */
  wait(): void
}

export interface TailWriterOptions {
  /** Where the files lie. */
  readonly disk: Disk
  readonly settling: Settling
  /** Random bytes for a file that is made now. */
  readonly newSalt: () => Buffer
  /** Whether nobody has taken position `seq` of the journal, as far as that is known. */
  readonly isFree: (seq: number) => boolean
}

export class TailWriter {
  private readonly options: TailWriterOptions
  private readonly files: readonly [TailFile, TailFile]
  private area: Area = 0

  constructor(options: TailWriterOptions) {
    const { disk, newSalt } = options
    this.options = options
    this.files = [new TailFile(disk, 0, newSalt()), new TailFile(disk, 1, newSalt())]
  }

  /** Whether there is something to hand over. */
  get pending(): boolean {
    return !this.files[this.area].empty
  }

  /**
   * Appends an entry as `putEntry` makes it. Durable when it returns. When it throws that the disk
   * is full (disk-full.ts), nothing has happened, and the same entry may come again; nothing has
   * either when it throws FencedError. Whatever else it throws, the outcome is unknown: the writer
   * must be closed and the journal recovered.
   */
  append(entry: Buffer): void {
    const { settling, isFree } = this.options
    const position = this.pending ? this.files[this.area].round : firstSeqOf(entry)
    if (!isFree(position)) throw new FencedError(`position ${position} is taken`)
    if (this.pending && !this.files[this.area].fits(entry.length)) {
      settling.wait()
      this.handOver()
    }
    this.files[this.area].append(entry, settling.segment)
    fault('tail.appended')
  }

  /** Has what is pending brought to where it belongs. False: first the other file has to be. */
  handOver(): boolean {
    if (!this.pending) return true
    const { settling } = this.options
    if (settling.busy) return false
    settling.begin(this.area, this.files[this.area].end)
    this.area = this.area === 0 ? 1 : 0
    this.files[this.area].beginAnew()
    fault('tail.anew')
    return true
  }

  /** What is pending stays in the tail log when it cannot go to where it belongs now. */
  close(): void {
    const { settling } = this.options
    try {
      settling.wait()
      this.handOver()
      settling.wait()
    } finally {
      for (const file of this.files) file.close()
    }
  }
}
