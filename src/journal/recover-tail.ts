import type { Disk, DiskFile } from '../content/disk.ts'
import { segmentName } from '../content/segment.ts'
import { fault } from '../platform/fault.ts'
import { JournalFormatError } from './fields.ts'
import { decodeFrame, type Frame } from './frame.ts'
import { type FrameToAppend, type Journal, tailOf } from './journal.ts'
import type { FramedJournal } from './log-writer.ts'
import type { TailContent, TailEntry } from './tail-log.ts'

export interface RecoverOptions {
  readonly journal: FramedJournal & Pick<Journal, 'stored' | 'tail'>
  readonly content: TailContent
  readonly segments: Disk
}

/**
 * Brings what only the tail log has to where it belongs. Whoever opens a data directory begins with
 * it, before anything else looks at segments or the journal. Returns the number of frames; throws
 * JournalFormatError when the journal has lost what the tail log continues.
 */
export async function recoverTail({ journal, content, segments }: RecoverOptions): Promise<number> {
  const tail = await journal.tail()
  const { entries, strays } = content
  const frames: FrameToAppend[] = []
  const fresh: TailEntry[] = []
  let at = tail
  for (const entry of entries) {
    const frame = decodeFrame(entry.frame)
    if (frame.firstSeq <= tail.seq) {
      // It was brought there before; the file has not begun anew since.
      await mustHave(journal, frame)
      continue
    }
    if (frame.firstSeq !== at.seq + 1 || !frame.previousHash.equals(at.hash)) {
      throw new JournalFormatError(
        `the tail log continues with record ${frame.firstSeq}, the journal ends with ${at.seq}`,
      )
    }
    at = tailOf(frame)
    frames.push(frame)
    fresh.push(entry)
  }
  for (const { frame } of strays) {
    const { firstSeq } = decodeFrame(frame)
    // Only one entry at a time can be unfinished, and nothing follows it.
    if (firstSeq > at.seq) {
      throw new JournalFormatError(
        `the tail log is damaged behind record ${at.seq}: it goes on with record ${firstSeq}`,
      )
    }
  }
  if (frames.length === 0) return 0
  restore(segments, fresh)
  fault('recover.restored')
  journal.appendAll(frames)
  fault('recover.appended')
  return frames.length
}

async function mustHave(journal: Pick<Journal, 'stored'>, frame: Frame): Promise<void> {
  for await (const { hash } of journal.stored(frame.firstSeq)) {
    if (hash.equals(frame.hash)) return
    break
  }
  const { firstSeq } = frame
  throw new JournalFormatError(`the journal has another record ${firstSeq} than the tail log`)
}

/** Writes what segments may have lost. */
function restore(disk: Disk, entries: readonly TailEntry[]): void {
  const there = new Set(disk.list())
  const files = new Map<string, DiskFile>()
  try {
    for (const { writes } of entries) {
      for (const { segment, at, buffers } of writes) {
        const name = segmentName(segment)
        let file = files.get(name)
        if (file === undefined) {
          file = there.has(name) ? disk.open(name) : disk.create(name)
          files.set(name, file)
        }
        file.write(buffers, at)
      }
    }
    for (const file of files.values()) file.sync()
  } finally {
    for (const file of files.values()) file.close()
  }
}
