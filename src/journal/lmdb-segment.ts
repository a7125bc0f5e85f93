import { accessSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ABORT, open, type RootDatabase } from 'lmdb'
import { syncDirectory } from '../platform/directory.ts'
import { fault } from '../platform/fault.ts'
import { GiB, MiB } from '../platform/limits.ts'

const SEAL = Buffer.from('DFSS')
/** Room for the frames past the roll-over limit and for LMDB's own pages. Address space only. */
const MAP_SIZE = 4 * GiB
/** What one read transaction copies out: bounds memory and how long old pages are pinned. */
const CHUNK_FRAMES = 64
const CHUNK_BYTES = 8 * MiB

export const segmentName = (firstSeq: number): string => `${String(firstSeq).padStart(16, '0')}.mdb`

export function segmentSeq(name: string): number | undefined {
  const match = /^(\d{16})\.mdb$/.exec(name)
  return match ? Number(match[1]) : undefined
}

function keyOf(seq: number): Buffer {
  const key = Buffer.alloc(8)
  key.writeUInt32BE(Math.floor(seq / 2 ** 32), 0)
  key.writeUInt32BE(seq % 2 ** 32, 4)
  return key
}

export const seqOf = (key: Buffer): number => key.readUInt32BE(0) * 2 ** 32 + key.readUInt32BE(4)

export const isSeal = (value: Buffer): boolean => value.subarray(0, SEAL.length).equals(SEAL)

interface Stats {
  readonly entryCount: number
  readonly lastPageNumber: number
  readonly pageSize: number
}

/** One LMDB environment of the journal: a run of frames under their first seq, then its seal. */
export class Segment {
  readonly name: string
  readonly firstSeq: number
  private readonly path: string
  private readonly readOnly: boolean
  private db: RootDatabase<Buffer, Buffer> | undefined
  private closed = false
  private bytes: number | undefined

  constructor(dir: string, name: string, readOnly: boolean) {
    this.name = name
    this.firstSeq = segmentSeq(name) ?? 0
    this.path = join(dir, name)
    this.readOnly = readOnly
  }

  private env(): RootDatabase<Buffer, Buffer> {
    if (this.db !== undefined) return this.db
    // Nobody would close it again, and a thread that is ended while it opens one ends the process.
    if (this.closed) throw new Error(`${this.path} is closed`)
    // LMDB would make the directory, where the whole journal was taken away.
    if (this.readOnly) accessSync(this.path)
    this.db = open<Buffer, Buffer>({
      path: this.path,
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'binary',
      mapSize: MAP_SIZE,
      readOnly: this.readOnly,
      // With it a commit is visible before it is durable, and a full disk is never reported.
      overlappingSync: false,
    })
    // Before anything is said to be in it: what has no name is lost, synced or not.
    if (!this.readOnly) syncDirectory(dirname(this.path))
    return this.db
  }

  /**
   * Durable when it returns: true when all are in, false when a key is not above all others. Holds
   * the thread meanwhile, which is a third faster than lmdb's own queue and thread: the writer has
   * a thread to itself.
   */
  private append(rows: readonly (readonly [seq: number, value: Buffer])[]): boolean {
    const db = this.env()
    const result = db.transactionSync(() => {
      for (const [seq, value] of rows) {
        if ((db.putSync(keyOf(seq), value, { append: true }) as unknown) === false) return ABORT
        fault('frame.put')
      }
      return undefined
    })
    fault('frame.appended')
    return result !== ABORT
  }

  /** All of the frames, which ascend, or false and none. */
  add(frames: readonly { readonly firstSeq: number; readonly bytes: Buffer }[]): boolean {
    const before = this.storedBytes()
    const added = this.append(frames.map(({ firstSeq, bytes }) => [firstSeq, bytes]))
    if (added) this.bytes = frames.reduce((sum, { bytes }) => sum + bytes.length, before)
    return added
  }

  /** True when the segment ends before `seq`, whoever sealed it. */
  seal(seq: number, hash: Buffer): boolean {
    return this.append([[seq, Buffer.concat([SEAL, hash])]]) || this.sealedAt() === seq
  }

  sealed(): boolean {
    return this.sealedAt() !== undefined
  }

  private sealedAt(): number | undefined {
    const last = this.last()
    return last !== undefined && isSeal(last.value) ? seqOf(last.key) : undefined
  }

  private last(): { key: Buffer; value: Buffer } | undefined {
    for (const entry of this.env().getRange({ reverse: true, limit: 1 })) return entry
    return undefined
  }

  /** Whether no key reaches `seq`, as it is on the disk now. */
  endsBefore(seq: number): boolean {
    this.refresh()
    for (const key of this.env().getKeys({ reverse: true, limit: 1 })) return seqOf(key) < seq
    return true
  }

  lastFrame(): Buffer | undefined {
    for (const { value } of this.env().getRange({ reverse: true, limit: 2 })) {
      if (!isSeal(value)) return value
    }
    return undefined
  }

  /** A bounded number of frames from the one that holds `seq`; none when there is none yet. */
  framesFrom(seq: number): Buffer[] {
    const frames: Buffer[] = []
    let bytes = 0
    const options = { start: this.keyHolding(seq), limit: CHUNK_FRAMES }
    for (const { value } of this.env().getRange(options)) {
      if (isSeal(value)) break
      frames.push(value)
      bytes += value.length
      if (bytes > CHUNK_BYTES) break
    }
    return this.atEnd(frames, seq) ? [] : frames
  }

  /** The frame with the last key not above `seq`, if it reaches so far. */
  frameHolding(seq: number): Buffer | undefined {
    for (const { value } of this.env().getRange({ start: keyOf(seq), reverse: true, limit: 2 })) {
      if (isSeal(value)) continue
      return this.atEnd([value], seq) ? undefined : value
    }
    return undefined
  }

  /** The last key not above `seq`: the frame that holds it, if any does. */
  private keyHolding(seq: number): Buffer {
    for (const key of this.env().getKeys({ start: keyOf(seq), reverse: true, limit: 1 })) return key
    return keyOf(seq)
  }

  /** `keyHolding` finds the last frame also for a seq behind it. */
  private atEnd(frames: Buffer[], seq: number): boolean {
    const [only] = frames
    if (frames.length !== 1 || only === undefined) return false
    const firstSeq = only.readUInt32BE(16) * 2 ** 32 + only.readUInt32BE(20)
    return firstSeq + only.readUInt32BE(12) <= seq
  }

  /** What the frames take; 0 only while there is none. */
  storedBytes(): number {
    if (this.bytes === undefined) {
      const { entryCount, lastPageNumber, pageSize } = this.env().getStats() as Stats
      this.bytes = entryCount === 0 ? 0 : lastPageNumber * pageSize
    }
    return this.bytes
  }

  /** Lets this thread see what another has committed. */
  refresh(): void {
    this.db?.resetReadTxn()
  }

  async close(): Promise<void> {
    const db = this.db
    this.db = undefined
    this.closed = true
    await db?.close()
  }
}
