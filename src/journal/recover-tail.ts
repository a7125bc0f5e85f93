import type { Disk } from '../content/disk.ts'
import { lanes, numberOf, SegmentWriter } from '../content/segment.ts'
import { fault } from '../platform/fault.ts'
import { JournalFormatError } from './fields.ts'
import { decodeFrame, type Frame } from './frame.ts'
import { type FrameToAppend, type Journal, tailOf } from './journal.ts'
import type { TailBlock, TailEntry } from './tail-entry.ts'
import type { TailContent } from './tail-log.ts'

/** A journal that takes frames in bulk. */
export interface FramedJournal extends Pick<Journal, 'append'> {
  /** Several frames that follow one another, durable when it returns. Throws FencedError. */
  appendAll(frames: readonly FrameToAppend[]): void
}

export interface RecoverOptions<Entry extends { readonly frame: Buffer }> {
  readonly journal: FramedJournal & Pick<Journal, 'stored' | 'tail'>
  readonly content: TailContent<Entry>
  /** Makes what entries say of segments durable there. */
  readonly restore: (entries: readonly Entry[]) => void
}

/**
 * Brings what only the tail log has to where it belongs. Whoever opens a data directory begins with
 * it, before anything else looks at segments or the journal. Returns the number of frames; throws
 * JournalFormatError when the journal has lost what the tail log continues.
 */
export async function recoverTail<Entry extends { readonly frame: Buffer }>({
  journal,
  content,
  restore,
}: RecoverOptions<Entry>): Promise<number> {
  const tail = await journal.tail()
  const { entries, strays } = content
  const frames: FrameToAppend[] = []
  const fresh: Entry[] = []
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
  restore(fresh)
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

/**
 * Stores the blocks of entries in a segment of their own, behind all that the lane has had: some
 * may lie in another one too, which nobody can tell before the index is whole.
 */
export function restoreBlocks(disk: Disk, entries: readonly TailEntry[]): void {
  const blocks = new Map<string, TailBlock>()
  let last = 0
  for (const entry of entries) {
    last = Math.max(last, entry.segment)
    for (const block of entry.blocks) blocks.set(block.id, block)
  }
  if (blocks.size === 0) return
  const writer = new SegmentWriter({ disk, lane: lanes.log }, numberOf(last) + 1)
  writer.append([...blocks.values()])
  writer.close()
}
