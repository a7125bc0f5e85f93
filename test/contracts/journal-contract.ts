/** What every journal must do. One suite, run against each implementation. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeFrame, type Frame, lastSeq, recordsOf } from '../../src/journal/frame.ts'
import {
  claim,
  FencedError,
  type Journal,
  type Tail,
  TrimmedError,
  tailOf,
} from '../../src/journal/journal.ts'
import { packRecord } from '../../src/journal/record.ts'
import { aRecord } from '../journal/records.ts'

export interface JournalUnderTest {
  readonly journal: Journal
  /** Whether a hundred records span segments, so that trimming has something to forget. */
  readonly trims: boolean
  /** Another handle on the same journal, as a second process has it. */
  other(): Promise<Journal>
  /** Gives every handle up without closing anything, and opens what is on the disk. */
  crash(): Promise<Journal>
  dispose(): Promise<void>
}

const now = () => ({ sec: 1_700_000_000, nsec: 0 })

export function frameAfter(tail: Tail, count = 1, epoch = tail.epoch): Frame {
  const records = Array.from({ length: count }, (_, i) =>
    packRecord(aRecord(tail.seq + 1 + i, `f${tail.seq + 1 + i}`)),
  )
  const time = { ...now(), nsec: tail.seq + count }
  const header = { epoch, firstSeq: tail.seq + 1, count, time, previousHash: tail.hash }
  return encodeFrame(header, records)
}

async function appendFrames(journal: Journal, sizes: readonly number[]): Promise<Tail> {
  let tail = await journal.tail()
  for (const size of sizes) {
    const frame = frameAfter(tail, size)
    await journal.append(frame)
    tail = tailOf(frame)
  }
  return tail
}

async function storedSeqs(journal: Journal, from: number): Promise<number[]> {
  const seqs: number[] = []
  for await (const frame of journal.stored(from)) {
    for (const record of recordsOf(frame)) seqs.push(record.seq)
  }
  return seqs
}

const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

export function journalContract(name: string, make: () => Promise<JournalUnderTest>): void {
  const under = (what: string, body: (t: JournalUnderTest) => Promise<void>) =>
    test(what, async () => {
      const t = await make()
      try {
        await body(t)
      } finally {
        await t.dispose()
      }
    })

  describe(`${name}: journal contract`, () => {
    under('an empty journal has an empty tail', async ({ journal }) => {
      const tail = await journal.tail()
      assert.deepEqual([tail.epoch, tail.seq], [0, 0])
      assert.deepEqual(await storedSeqs(journal, 1), [])
    })

    under('what was appended is read back in order, from any record', async ({ journal }) => {
      await claim(journal, 'a', now)
      await appendFrames(journal, [1, 5, 2, 100, 1])
      for (const from of [1, 2, 3, 7, 9, 50, 109, 110]) {
        const frames: Frame[] = []
        for await (const frame of journal.stored(from)) frames.push(frame)
        const [first] = frames
        assert.ok(first && first.firstSeq <= from && from <= lastSeq(first))
        assert.equal(lastSeq(frames.at(-1) as Frame), 110)
      }
      assert.deepEqual(await storedSeqs(journal, 111), [])
    })

    under('frames chain: each names the hash of the one before it', async ({ journal }) => {
      await claim(journal, 'a', now)
      await appendFrames(journal, [3, 3, 3])
      let previous: Frame | undefined
      for await (const frame of journal.stored(1)) {
        if (previous) assert.deepEqual(frame.previousHash, previous.hash)
        previous = frame
      }
    })

    under('what was acknowledged is there after a crash', async ({ journal, crash }) => {
      await claim(journal, 'a', now)
      const before = await appendFrames(journal, [2, 2, 7])
      const reopened = await crash()
      const tail = await reopened.tail()
      assert.equal(tail.seq, before.seq)
      assert.deepEqual(tail.hash, before.hash)
      assert.deepEqual(await storedSeqs(reopened, 1), upTo(1, before.seq))
    })

    under('a claim takes the next epoch and fences the writer before it', async (t) => {
      const first = await claim(t.journal, 'first', now)
      const stale = await appendFrames(t.journal, [2])
      const other = await t.other()
      const second = await claim(other, 'second', now)
      assert.equal(second.epoch, first.epoch + 1)
      await assert.rejects(t.journal.append(frameAfter(stale)), FencedError)
      await assert.rejects(t.journal.append(frameAfter(stale, 3)), FencedError)
      const tail = await appendFrames(other, [1])
      assert.deepEqual(await storedSeqs(other, 1), upTo(1, tail.seq))
    })

    under('a fenced writer stays fenced however far its successor has gone', async (t) => {
      await claim(t.journal, 'first', now)
      const stale = await t.journal.tail()
      const other = await t.other()
      await claim(other, 'second', now)
      await appendFrames(other, [50, 50, 50, 50, 50, 50])
      await assert.rejects(t.journal.append(frameAfter(stale)), FencedError)
    })

    under('of many claims at once each gets an epoch of its own', async (t) => {
      const journals = [t.journal, await t.other(), await t.other()]
      const claims = await Promise.all(journals.map((journal, i) => claim(journal, `w${i}`, now)))
      const epochs = claims.map((tail) => tail.epoch).sort((a, b) => a - b)
      assert.deepEqual(epochs, [1, 2, 3])
    })

    under('read goes from stored to live without a gap or a repetition', async ({ journal }) => {
      await claim(journal, 'a', now)
      await appendFrames(journal, [4, 4])
      const abort = new AbortController()
      const seen: number[] = []
      const reading = (async () => {
        for await (const frame of journal.read(3, abort.signal)) {
          for (const { seq } of recordsOf(frame)) if (seq >= 3) seen.push(seq)
          if (seen.length >= 27) abort.abort()
        }
      })()
      for (let i = 0; i < 10; i++) await appendFrames(journal, [2])
      await reading
      assert.deepEqual(seen, upTo(3, 29))
    })

    under('an aborted read ends although nothing comes', async ({ journal }) => {
      await claim(journal, 'a', now)
      const abort = new AbortController()
      const reading = (async () => {
        let frames = 0
        for await (const _ of journal.read(1, abort.signal)) frames += 1
        return frames
      })()
      setImmediate(() => abort.abort())
      assert.equal(await reading, 1)
    })

    under('trim forgets only what lies before, and says so to who asks for it', async (t) => {
      await claim(t.journal, 'a', now)
      const tail = await appendFrames(t.journal, [20, 20, 20, 20, 20, 20])
      await t.journal.trim(60)
      assert.deepEqual(await storedSeqs(t.journal, 60), upTo(await firstFrom(t, 60), tail.seq))
      if (t.trims) await assert.rejects(storedSeqs(t.journal, 1), TrimmedError)
      else assert.equal((await storedSeqs(t.journal, 1)).length, tail.seq)
      assert.deepEqual((await t.journal.tail()).hash, tail.hash)
      await appendFrames(t.journal, [1])
    })
  })
}

async function firstFrom({ journal }: JournalUnderTest, seq: number): Promise<number> {
  for await (const frame of journal.stored(seq)) return frame.firstSeq
  return seq
}
