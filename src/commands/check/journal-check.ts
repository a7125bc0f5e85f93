/**
 * Whether a journal is whole, looked at without LMDB: the pages of its files, then what `dfs
 * journal verify` proves, going on behind what is damaged so that all of it is named.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { JournalFormatError } from '../../journal/fields.ts'
import { decodeFrame, type Frame, lastSeq } from '../../journal/frame.ts'
import { EMPTY_TAIL, type Tail, tailOf } from '../../journal/journal.ts'
import { isSeal, segmentSeq, seqOf } from '../../journal/lmdb-segment.ts'
import { checkLink, checkRecords } from '../../journal/verify.ts'
import type { Instant } from '../../platform/clock.ts'
import { type FileEntry, LmdbFile } from '../../store/lmdb-file.ts'
import { PageError } from '../../store/lmdb-page.ts'
import { type Finding, Limited, noProgress, type OnFinding, type Progress } from './finding.ts'

export interface CheckedJournal {
  /** Nothing was wrong: it can be folded from its first record to its last. */
  readonly whole: boolean
  readonly firstSeq: number
  readonly tail: Tail
  readonly frames: number
  readonly records: number
  readonly bytes: number
}

export class JournalCheck {
  private readonly dir: string
  private readonly onFinding: OnFinding
  private readonly progress: Progress
  private found = 0
  private tail: Tail = EMPTY_TAIL
  /** Whether the frame that comes next must continue `tail`. */
  private chained = false
  private sealedFor: number | undefined
  private firstSeq = 0
  private frames = 0
  private records = 0
  private bytes = 0

  constructor(dir: string, onFinding: OnFinding, progress: Progress = noProgress) {
    this.dir = dir
    this.onFinding = onFinding
    this.progress = progress
  }

  run(): CheckedJournal {
    const names = existsSync(this.dir) ? readdirSync(this.dir) : []
    const files = names.filter((name) => segmentSeq(name) !== undefined).sort()
    if (files.length === 0) {
      this.report(this.dir, 'there is no journal', 'There is nothing to serve.')
    }
    for (const [i, name] of files.entries()) this.file(name, i === files.length - 1)
    const { firstSeq, tail, frames, records, bytes, found } = this
    return { whole: found === 0, firstSeq, tail, frames, records, bytes }
  }

  private report(where: string, what: string, means?: string): void {
    this.found += 1
    const finding: Finding = { area: 'journal', where, what }
    this.onFinding(means === undefined ? finding : { ...finding, means })
  }

  private file(name: string, last: boolean): void {
    const pages = new Limited((finding) => {
      this.found += 1
      this.onFinding(finding)
    }, 20)
    const first = segmentSeq(name) as number
    if (this.frames > 0 && this.sealedFor !== undefined && this.sealedFor !== first) {
      const missing = this.sealedFor
      this.report(this.dir, `the file that begins with record ${missing} is not there`)
    }
    this.sealedFor = undefined
    const file = this.open(name, pages)
    if (file === undefined) return
    try {
      for (const entry of file.all()) this.entry(name, entry)
    } finally {
      file.close()
    }
    pages.end(name)
    if (pages.total > 0) this.chained = false
    if (!last && this.sealedFor === undefined) {
      this.chained = false
      this.report(name, 'it is not sealed, and another file follows')
    }
  }

  private open(name: string, pages: Limited): LmdbFile | undefined {
    try {
      return new LmdbFile(join(this.dir, name), ({ page, at, what }) =>
        pages.add({ area: 'journal', where: `${name}, page ${page} (byte ${at})`, what }),
      )
    } catch (error) {
      if (!(error instanceof PageError)) throw error
      this.chained = false
      this.report(name, error.message, 'No record of this file can be read.')
      return undefined
    }
  }

  private entry(name: string, { key, at, value }: FileEntry): void {
    const bytes = value()
    const place = `${name}, byte ${at}`
    if (bytes === undefined || key.length !== 8) {
      this.report(place, 'a frame cannot be read')
      return
    }
    const seq = seqOf(key)
    if (isSeal(bytes)) this.seal(place, seq, bytes)
    else this.frame(place, seq, bytes)
  }

  private seal(place: string, seq: number, bytes: Buffer): void {
    this.sealedFor = seq
    if (this.chained && seq !== this.tail.seq + 1) {
      this.report(place, `it is sealed before record ${seq}, and ends with ${this.tail.seq}`)
    } else if (this.chained && !bytes.subarray(4).equals(this.tail.hash)) {
      this.report(place, 'its seal is of another last frame')
    }
  }

  private frame(place: string, seq: number, bytes: Buffer): void {
    let frame: Frame
    try {
      frame = decodeFrame(bytes)
      if (frame.firstSeq !== seq) {
        throw new JournalFormatError(`a frame of record ${frame.firstSeq} lies under ${seq}`)
      }
      checkRecords(frame)
    } catch (error) {
      if (!(error instanceof JournalFormatError)) throw error
      this.report(`${place}, record ${seq}`, error.message, this.lost(seq))
      this.chained = false
      return
    }
    this.follow(place, frame)
    this.tail = tailOf(frame)
    this.chained = true
    if (this.frames === 0) this.firstSeq = frame.firstSeq
    this.frames += 1
    this.records += frame.count
    this.bytes += bytes.length
    if (this.frames % PROGRESS_FRAMES === 0) this.progress('records', this.tail.seq)
  }

  private lost(seq: number): string {
    const since = this.frames === 0 ? '' : ` at ${shownTime(this.tail.time)} or later`
    return `What clients changed in the records from ${seq} on${since} cannot be replayed.`
  }

  private follow(place: string, frame: Frame): void {
    if (!this.chained) {
      // Behind damage: how much of it there was shows in the numbers.
      if (this.frames === 0 || frame.firstSeq <= this.tail.seq + 1) return
      const [from, to] = [this.tail.seq + 1, frame.firstSeq - 1]
      const time = `${shownTime(this.tail.time)} to ${shownTime(frame.time)}`
      this.report(
        place,
        `records ${from} to ${to} are not readable`,
        `Changes of ${time} are lost.`,
      )
      return
    }
    try {
      checkLink(this.tail, frame)
    } catch (error) {
      if (!(error instanceof JournalFormatError)) throw error
      const where = `${place}, records ${frame.firstSeq} to ${lastSeq(frame)}`
      this.report(where, error.message, this.lost(frame.firstSeq))
    }
  }
}

const PROGRESS_FRAMES = 1000

export const shownTime = ({ sec }: Instant): string =>
  new Date(sec * 1000).toISOString().replace('.000', '')
