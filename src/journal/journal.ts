/**
 * What a journal does, whatever it stores on. test/contracts/journal-contract.ts runs against every
 * implementation; anything not promised there is not promised.
 */
import type { Instant } from '../platform/clock.ts'
import { commandCodes, operations } from './command-names.ts'
import { encodeFrame, type Frame, GENESIS_HASH, lastSeq } from './frame.ts'
import { packRecord } from './record.ts'

/** Where a stream ends: what the next frame must continue. */
export interface Tail {
  readonly epoch: number
  /** 0 in an empty journal. */
  readonly seq: number
  readonly hash: Buffer
  readonly time: Instant
}

export const EMPTY_TAIL: Tail = {
  epoch: 0,
  seq: 0,
  hash: GENESIS_HASH,
  time: { sec: 0, nsec: 0 },
}

export const tailOf = (frame: Frame): Tail => ({
  epoch: frame.epoch,
  seq: lastSeq(frame),
  hash: frame.hash,
  time: frame.time,
})

/** The append did not happen, and no other of this writer ever will: somebody else claimed. */
export class FencedError extends Error {
  override readonly name = 'FencedError'
}

/** The records asked for are not there any more. */
export class TrimmedError extends Error {
  override readonly name = 'TrimmedError'
}

export interface JournalReader {
  tail(): Promise<Tail>
  /**
   * Frames in order from the one that holds `from`: first what is stored, then what is appended,
   * without a gap or a repetition in between, until `signal` aborts (then it ends). A reader that
   * is slow holds nobody up and costs no memory: it reads on from storage.
   */
  read(from: number, signal: AbortSignal): AsyncIterable<Frame>
  /** What is stored now, from the frame that holds `from`, then it ends. */
  stored(from: number): AsyncIterable<Frame>
  close(): Promise<void>
}

/** What an append needs of a frame. */
export type FrameToAppend = Pick<Frame, 'bytes' | 'count' | 'firstSeq' | 'previousHash'>

export interface Journal extends JournalReader {
  /**
   * Resolves when the frame is durable. The order of calls is the order in the log. Rejects with
   * FencedError when the position is taken; with any other error the outcome is unknown and the
   * journal must be closed, reopened and read to find out.
   */
  append(frame: FrameToAppend): Promise<void>
  /** Forgets whole segments before `before`; only behind an archived or checkpointed position. */
  trim(before: number): Promise<void>
}

const CLAIM_TRIES = 16

/** Becomes the writer: appends a claim with the next epoch, which fences every earlier writer. */
export async function claim(journal: Journal, owner: string, now: () => Instant): Promise<Tail> {
  for (let i = 0; i < CLAIM_TRIES; i++) {
    const tail = await journal.tail()
    const frame = claimFrame(tail, owner, now())
    try {
      await journal.append(frame)
      return tailOf(frame)
    } catch (error) {
      if (!(error instanceof FencedError)) throw error
    }
  }
  throw new FencedError(`${CLAIM_TRIES} claims lost against other writers`)
}

function claimFrame(tail: Tail, owner: string, time: Instant): Frame {
  const epoch = tail.epoch + 1
  const record = packRecord({
    seq: tail.seq + 1,
    command: commandCodes.ClaimEpoch,
    sec: time.sec,
    nsec: time.nsec,
    share: 0,
    origin: { op: operations.internal, client: 0, uid: 0, gid: 0, xid: 0, checksum: 0 },
    refusal: 0,
    about: undefined,
    events: [{ type: 'EpochClaimed', epoch, owner }],
  })
  const header = { epoch, firstSeq: tail.seq + 1, count: 1, time, previousHash: tail.hash }
  return encodeFrame(header, [record])
}
