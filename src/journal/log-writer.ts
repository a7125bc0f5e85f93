/**
 * Makes frames durable, and the small blocks that they name: in the tail log at once, in LMDB and
 * in segments for many commits together. Readers see a frame when it is in LMDB.
 */
import type { BlockWriter, Stored } from '../content/block-writer.ts'
import type { Disk } from '../content/disk.ts'
import type { SegmentWrite } from '../content/segment.ts'
import { isFull } from '../platform/disk-full.ts'
import { fault } from '../platform/fault.ts'
import { FencedError, type FrameToAppend, type Journal } from './journal.ts'
import { TailLog } from './tail-log.ts'

export interface FramedJournal extends Pick<Journal, 'append'> {
  /** Several frames that follow one another, durable when it returns. Throws FencedError. */
  appendAll(frames: readonly FrameToAppend[]): void
  /** Whether nobody has taken position `seq`. */
  isFree(seq: number): boolean
}

export interface LogWriterOptions {
  readonly journal: FramedJournal
  /** Where the tail log lies. */
  readonly disk: Disk
  /** Random bytes (SALT of them), for a tail log that is made now. */
  readonly salt: Buffer
  readonly blocks: (onWrite: (write: SegmentWrite) => void) => BlockWriter
}

export class LogWriter {
  readonly blocks: BlockWriter
  private readonly journal: FramedJournal
  private readonly tail: TailLog
  private writes: SegmentWrite[] = []
  private frames: FrameToAppend[] = []
  private placed: { readonly seq: number; readonly stored: Stored } | undefined

  constructor({ journal, disk, salt, blocks }: LogWriterOptions) {
    this.journal = journal
    this.tail = new TailLog(disk, salt)
    this.blocks = blocks((write) => this.writes.push(write))
  }

  /** Whether frames are not in LMDB yet. */
  get pending(): boolean {
    return this.frames.length > 0
  }

  /**
   * Durable when it returns. When it throws that the disk is full (disk-full.ts), nothing has
   * happened, and the same frame may come again. Whatever else it throws, the outcome is unknown:
   * the writer must be closed and the journal recovered (recover-tail.ts).
   */
  append(
    frame: FrameToAppend,
    blocks: readonly { readonly id: string; readonly bytes: Buffer }[],
  ): Stored | undefined {
    const position = (this.frames[0] ?? frame).firstSeq
    if (!this.journal.isFree(position)) throw new FencedError(`position ${position} is taken`)
    // A full disk has kept it from this before.
    if (this.tail.full) this.drain()
    const stored = this.place(frame, blocks)
    if (this.tail.append(frame.firstSeq, frame.bytes, this.writes)) {
      fault('tail.appended')
      this.frames.push(frame)
      if (this.tail.full) this.drainIfRoom()
    } else {
      this.blocks.sync()
      this.drain()
      this.journal.appendAll([frame])
    }
    this.writes = []
    this.placed = undefined
    return stored
  }

  /** Blocks of a frame that comes again have been written: where they lie is told again. */
  private place(
    { firstSeq }: FrameToAppend,
    blocks: readonly { readonly id: string; readonly bytes: Buffer }[],
  ): Stored | undefined {
    if (blocks.length === 0) return undefined
    if (this.placed?.seq !== firstSeq) {
      this.placed = { seq: firstSeq, stored: this.blocks.write(blocks) }
    }
    return this.placed.stored
  }

  /** The same as `drain`, but later when the disk is full now. True when nothing is pending. */
  drainIfRoom(): boolean {
    try {
      this.drain()
    } catch (error) {
      if (!isFull(error)) throw error
    }
    return !this.pending
  }

  /** Brings everything to where it belongs. */
  drain(): void {
    if (this.frames.length === 0) return
    this.blocks.sync()
    fault('tail.synced')
    this.journal.appendAll(this.frames)
    this.frames = []
    this.tail.beginAnew()
    fault('tail.anew')
  }

  /** What is pending is in the tail log when the disk does not take it now. */
  close(): void {
    try {
      this.drain()
    } finally {
      this.blocks.close()
      this.tail.close()
    }
  }
}
