/**
 * Proof that a journal is whole: every frame's checksum, the hash chain over all of them, unbroken
 * sequence numbers, epochs and times that never go back, and records that every byte of decodes.
 */
import { laterThan } from '../platform/clock.ts'
import { JournalFormatError } from './fields.ts'
import { type Frame, lastSeq, recordsOf } from './frame.ts'
import { EMPTY_TAIL, type JournalReader, type Tail, tailOf } from './journal.ts'

export interface Verified {
  readonly frames: number
  readonly records: number
  readonly bytes: number
  readonly firstSeq: number
  readonly tail: Tail
}

/** Throws JournalFormatError, which names the first record that does not fit. */
export async function verifyJournal(
  journal: JournalReader,
  from = 1,
  progress: (seq: number) => void = () => undefined,
): Promise<Verified> {
  let tail: Tail = EMPTY_TAIL
  let [frames, records, bytes, firstSeq] = [0, 0, 0, 0]
  try {
    for await (const frame of journal.stored(from)) {
      if (frames === 0) firstSeq = frame.firstSeq
      if (frames > 0 || frame.firstSeq === 1) checkLink(tail, frame)
      checkRecords(frame)
      tail = tailOf(frame)
      frames += 1
      records += frame.count
      bytes += frame.bytes.length
      progress(tail.seq)
    }
  } catch (error) {
    if (!(error instanceof JournalFormatError)) throw error
    throw new JournalFormatError(`behind record ${tail.seq}: ${error.message}`)
  }
  return { frames, records, bytes, firstSeq, tail }
}

/** Throws JournalFormatError unless the frame is the one that follows. */
export function checkLink(tail: Tail, frame: Frame): void {
  if (frame.firstSeq !== tail.seq + 1) {
    throw new JournalFormatError(`frame begins with record ${frame.firstSeq}, not ${tail.seq + 1}`)
  }
  if (!frame.previousHash.equals(tail.hash)) {
    throw new JournalFormatError('hash chain is broken: the frame follows another one than stored')
  }
  if (frame.epoch < tail.epoch) {
    throw new JournalFormatError(`epoch goes back from ${tail.epoch} to ${frame.epoch}`)
  }
}

/** Throws JournalFormatError unless every record decodes, and times do not go back. */
export function checkRecords(frame: Frame): void {
  let last = { sec: 0, nsec: 0 }
  for (const record of recordsOf(frame)) {
    if (laterThan(last, record)) {
      throw new JournalFormatError(`record ${record.seq}: time goes back`)
    }
    last = record
  }
  if (laterThan(last, frame.time)) {
    throw new JournalFormatError(`record ${lastSeq(frame)} is later than its frame`)
  }
}
