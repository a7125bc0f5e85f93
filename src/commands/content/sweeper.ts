/**
 * What is left to do of truncations that would take too long for one record: before them to count
 * what goes, a piece at a time; behind them to delete it, which may go on over restarts.
 */
import { fileKind, type Inode } from '../../projections/inode.ts'
import { inoOf, nodeId, shareOf } from '../../projections/node-id.ts'
import { NO_ORIGIN, type Stream } from '../stream.ts'
import { CUT_MAX, mustCount } from './resize.ts'

/** Between two pieces of work, so that others get most of the thread. */
const PAUSE_MILLIS = 15
const COUNT_PAUSE_MILLIS = 3
/** When the disk is full to the last, or the projections on it are behind. */
const WAIT_MILLIS = 100
/** Rows that may wait for the projections on disk while there is more to delete. */
const DIRTY_MAX = 20_000

export class Sweeper {
  private readonly stream: Stream
  private timer: NodeJS.Timeout | undefined
  private counting: Promise<void> | undefined
  private progress = Promise.withResolvers<void>()
  private stopped = false

  constructor(stream: Stream) {
    this.stream = stream
    this.begin(PAUSE_MILLIS)
  }

  /** Something was cut off, perhaps. */
  begin(millis = PAUSE_MILLIS): void {
    if (this.stopped || this.timer !== undefined) return
    if (this.next() === undefined) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.begin(this.sweep())
    }, millis).unref()
  }

  /** One piece of work. Returns when the next one should follow, in milliseconds. */
  private sweep(): number {
    const { stream } = this
    const { world } = stream
    const { resolve } = this.progress
    this.progress = Promise.withResolvers()
    resolve()
    if (world.dirtyCount() > DIRTY_MAX) return WAIT_MILLIS
    const id = this.next()
    if (id === undefined) return PAUSE_MILLIS
    const ino = world.cutOff.get(id)?.ino ?? 0
    const command = { type: 'SweepContent', share: shareOf(id), ino, content: inoOf(id) } as const
    const decision = stream.submit(command, NO_ORIGIN)
    const done = typeof decision !== 'string' && decision.outcome.kind === 'accepted'
    return done ? PAUSE_MILLIS : WAIT_MILLIS
  }

  /** Of a share that was deleted everything goes when its retention ends. */
  private next(): number | undefined {
    const { control, cutOff } = this.stream.world
    for (const id of cutOff.all()) {
      if (control.shares.get(shareOf(id))?.deleted === 0) return id
    }
    return undefined
  }

  /**
   * What must end before a file can be given a size in no time: a count of what goes, or a sweep of
   * what it would grow over. Ask again then. undefined: it can be now.
   */
  before(share: number, ino: number, size: number): Promise<void> | undefined {
    const file = this.fileOf(share, ino)
    if (file === undefined) return undefined
    if (size > file.size) return this.beforeGrowth(share, ino, size)
    if (this.counting !== undefined) return this.counting
    if (!mustCount(this.stream.world, share, file, size) || this.count(share, file, size)) {
      return undefined
    }
    this.counting = this.countAll(share, ino, size).finally(() => {
      this.counting = undefined
    })
    // Who only asks whether a size can be given now does not wait for it.
    this.counting.catch(() => undefined)
    return this.counting
  }

  /** The same before it is written to from an offset on: nothing if that is not behind its end. */
  beforeGrowth(share: number, ino: number, offset: number): Promise<void> | undefined {
    const file = this.fileOf(share, ino)
    if (file === undefined || offset <= file.size) return undefined
    const { world } = this.stream
    if (world.cutOff.get(nodeId(share, file.content)) === undefined) return undefined
    if (world.fewExtents(share, file, file.size, offset, CUT_MAX) !== undefined) return undefined
    return this.progress.promise
  }

  /** One on an extent map of its own, in a share that is swept. */
  private fileOf(share: number, ino: number): Inode | undefined {
    const { world } = this.stream
    if (this.stopped || world.control.shares.get(share)?.deleted !== 0) return undefined
    const file = world.live(share).inode(ino)
    return file?.kind === fileKind.regular && file.contentShare === 0 ? file : undefined
  }

  private count(share: number, file: Inode, size: number): boolean {
    const id = nodeId(share, file.content)
    return this.stream.world.extents.count(id, size, file.size, CUT_MAX)
  }

  private async countAll(share: number, ino: number, size: number): Promise<void> {
    const { world } = this.stream
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, COUNT_PAUSE_MILLIS))
      const file = world.live(share).inode(ino)
      if (this.stopped || file === undefined || file.size <= size) return
      if (file.contentShare !== 0 || this.count(share, file, size)) return
    }
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
    this.progress.resolve()
  }
}
