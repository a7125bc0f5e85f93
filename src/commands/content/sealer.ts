/**
 * Turns staged bytes into blocks, makes them durable, and names them in the file's extents. A
 * file's seals follow one another; everything about a file that must not overtake one waits for
 * `idle`.
 */

import { SYSTEM } from '../../auth/principal.ts'
import { blockId } from '../../content/block.ts'
import type { BlockStore } from '../../content/block-store.ts'
import type { StoreAnswer } from '../../content/content-thread.ts'
import { placedBlocks } from '../../content/noted-blocks.ts'
import type { Pieces } from '../../content/pieces.ts'
import type { StagedFile, Staging } from '../../content/staging.ts'
import type { Extent } from '../../journal/fields.ts'
import type { Origin } from '../../journal/record.ts'
import type { Refusal } from '../../journal/refusal.ts'
import type { Instant } from '../../platform/clock.ts'
import { isFull } from '../../platform/disk-full.ts'
import { fault } from '../../platform/fault.ts'
import { BLOCK_MAX, EXTENTS_PER_RECORD, KiB } from '../../platform/limits.ts'
import type { NewBlock } from '../committer.ts'
import type { Stream } from '../stream.ts'
import { cutIntoBlocks, type NewContent } from './cut-blocks.ts'
import type { Sweeper } from './sweeper.ts'

/** Where large amounts of content are hashed and stored. */
export interface BulkStore {
  /** The blocks must stay as they are until it has ended, one way or the other. */
  store(blocks: readonly Buffer[]): Promise<StoreAnswer>
}

export interface SealerOptions {
  readonly stream: Stream
  readonly staging: Staging
  readonly blocks: BlockStore
  readonly bulk: BulkStore
  /** Left out: a file grows over what was cut off it before, whatever that takes. */
  readonly sweeper?: Pick<Sweeper, 'beforeGrowth'>
  /** Staged bytes were sealed: there is room for more. */
  readonly onSealed: () => void
}

/** Up to here blocks travel with the frame that names them, which saves a round trip. */
export const INLINE_MAX = 64 * KiB

/** Chunks whose blocks are cut and stored at a time: 4 MiB at most. */
const CHUNKS_AT_ONCE = 4
/** While one batch is hashed, others are written and synced. */
const BATCHES_UNDER_WAY = 4
/** Complete chunks at which a stream's seal begins. */
const FULL_CHUNKS = 8

/** Why staged bytes could not be made durable. They stay staged. */
export class SealError extends Error {
  override readonly name = 'SealError'
  readonly refusal: Refusal

  constructor(refusal: Refusal, cause: unknown) {
    super(`sealing failed: ${String(cause)}`, { cause })
    this.refusal = refusal
  }
}

interface Seals {
  running: Promise<void>
  /** Begins when the running one ends: takes up whatever is staged by then. */
  queued: Promise<void> | undefined
}

export class Sealer {
  private readonly options: SealerOptions
  private readonly seals = new Map<number, Seals>()

  constructor(options: SealerOptions) {
    this.options = options
  }

  /** Files that are being sealed. */
  get running(): number {
    return this.seals.size
  }

  /**
   * Resolves when all bytes that are staged for the file now are durable; rejects with SealError.
   */
  seal(id: number): Promise<void> {
    const seals = this.seals.get(id)
    if (seals !== undefined) {
      seals.queued ??= seals.running.catch(() => undefined).then(() => this.start(id))
      return seals.queued
    }
    return this.start(id)
  }

  /** Begins to seal what is complete, if enough is and nothing is under way: streams flow early. */
  sealFull(id: number): void {
    const file = this.options.staging.find(id)
    if (file === undefined || file.fresh.full < FULL_CHUNKS || !this.isIdle(id)) return
    // What goes wrong is met again by whoever commits.
    this.run(id, file, true).catch(() => undefined)
  }

  private start(id: number): Promise<void> {
    const file = this.options.staging.find(id)
    const { stream } = this.options
    if (file === undefined || file.fresh.empty) return stream.whenDurable(stream.decided)
    return this.run(id, file, false).then((seq) => stream.whenDurable(seq))
  }

  private run(id: number, file: StagedFile, fullOnly: boolean): Promise<number> {
    const decided = this.sealNow(id, file, fullOnly)
    const seals: Seals = { running: decided.then(() => undefined), queued: undefined }
    this.seals.set(id, seals)
    seals.running
      .catch(() => undefined)
      .finally(() => {
        if (this.seals.get(id) === seals) this.seals.delete(id)
      })
    return decided
  }

  /** Resolves when no seal of the file is under way. */
  async idle(id: number): Promise<void> {
    for (let seals = this.seals.get(id); seals !== undefined; seals = this.seals.get(id)) {
      await (seals.queued ?? seals.running).catch(() => undefined)
    }
  }

  /** Resolves when every seal that is under way now has ended, one way or the other. */
  async quiet(): Promise<void> {
    await Promise.allSettled([...this.seals.values()].map(({ running }) => running))
  }

  isIdle(id: number): boolean {
    return !this.seals.has(id)
  }

  /** Resolves to the record that names the bytes. */
  private async sealNow(id: number, file: StagedFile, fullOnly: boolean): Promise<number> {
    const { staging, onSealed } = this.options
    const pieces = staging.beginSeal(file, fullOnly)
    try {
      const seq = await this.name(file, pieces)
      staging.endSeal(id, file)
      onSealed()
      return seq
    } catch (error) {
      staging.undoSeal(file)
      throw sealErrorOf(error)
    }
  }

  /**
   * Batch after batch: while some are stored the next is cut. When it has ended, nobody looks at
   * the pieces any more, whether or not something went wrong.
   */
  private async name(file: StagedFile, pieces: Pieces): Promise<number> {
    const { stream, blocks, bulk } = this.options
    const { share, ino, mtime, origin } = file
    let seq = stream.decided
    const storing: Promise<number>[] = []
    const indexes = [...pieces.chunks.keys()].sort((a, b) => a - b)
    try {
      for (let i = 0; i < indexes.length; i += CHUNKS_AT_ONCE) {
        await this.mayGrow(share, ino, (indexes[i] as number) * BLOCK_MAX)
        const view = stream.world.live(share)
        const inode = view.inode(ino)
        // Of a file that was removed meanwhile nobody will miss the bytes.
        if (inode === undefined) break
        const some = indexes.slice(i, i + CHUNKS_AT_ONCE)
        const content = await cutIntoBlocks(blocks, view, inode, pieces, some)
        fault('seal.cut')
        if (pieces.bytes <= INLINE_MAX && some.length === indexes.length) {
          return this.nameInline(share, ino, content, mtime, origin)
        }
        const stored = bulk.store(content.map(({ bytes }) => bytes))
        const named = stored.then((answer) => this.nameStored(file, content, answer, mtime, origin))
        // Awaited a turn later; a failure until then must not count as unhandled.
        named.catch(() => undefined)
        storing.push(named)
        if (storing.length < BATCHES_UNDER_WAY) continue
        const [first] = storing
        seq = (await first) ?? seq
        storing.splice(0, 1)
      }
      for (const named of storing) seq = await named
      return seq
    } finally {
      await Promise.allSettled(storing)
    }
  }

  /** Resolves when little of what was cut off a file is left where it would grow over it. */
  private async mayGrow(share: number, ino: number, to: number): Promise<void> {
    const { sweeper } = this.options
    for (;;) {
      const swept = sweeper?.beforeGrowth(share, ino, to)
      if (swept === undefined) return
      await swept
    }
  }

  private nameStored(
    { share, ino }: StagedFile,
    content: readonly NewContent[],
    { ids, stored }: StoreAnswer,
    mtime: Instant | undefined,
    origin: Origin,
  ): number {
    const { blocks } = this.options
    fault('seal.stored')
    blocks.landed(placedBlocks(stored.written))
    for (const [i, { bytes }] of content.entries()) blocks.keep(ids[i] as string, bytes)
    const extents = content.map(({ offset, bytes }, i) => extentOf(offset, bytes, ids[i] as string))
    let seq = 0
    for (let i = 0; i < extents.length; i += EXTENTS_PER_RECORD) {
      const some = extents.slice(i, i + EXTENTS_PER_RECORD)
      seq = recordOf(this.decide(share, ino, some, mtime, origin, []))
      fault('seal.named')
    }
    return seq
  }

  /**
   * Names small blocks at once: they are durable before the record that names them is, since both
   * go to the disk together. Returns the record.
   */
  nameInline(
    share: number,
    ino: number,
    content: readonly NewContent[],
    mtime: Instant | undefined,
    origin: Origin,
  ): number {
    const { blocks } = this.options
    // What goes to the disk is the copy that is kept: where `bytes` lie is used again.
    const fresh = content.map(({ bytes }) => {
      const id = blockId(bytes)
      return { id, bytes: blocks.pin(id, bytes) }
    })
    const extents = content.map(({ offset, bytes }, i) =>
      extentOf(offset, bytes, (fresh[i] as NewBlock).id),
    )
    const seq = recordOf(this.decide(share, ino, extents, mtime, origin, fresh))
    fault('seal.inline')
    return seq
  }

  /** The same of one block that was written now; why not, when it is not taken. */
  nameOne(
    share: number,
    ino: number,
    offset: number,
    bytes: Buffer,
    origin: Origin,
  ): number | Refusal {
    const id = blockId(bytes)
    const fresh = { id, bytes: this.options.blocks.pin(id, bytes) }
    const seq = this.decide(share, ino, [extentOf(offset, bytes, id)], 'now', origin, [fresh])
    fault('seal.inline')
    return seq
  }

  /** The record that names them, or why there is none. 0: the file was removed meanwhile. */
  private decide(
    share: number,
    ino: number,
    extents: readonly Extent[],
    mtime: Instant | 'now' | undefined,
    origin: Origin,
    fresh: readonly NewBlock[],
  ): number | Refusal {
    const { stream, blocks } = this.options
    const command = { type: 'WriteContent', share, ino, extents, mtime } as const
    const decision = stream.submit(command, origin, SYSTEM, fresh)
    const seq = typeof decision === 'string' ? 0 : decision.seq
    // Without a record they go nowhere, and nobody else would let them go.
    if (seq === 0) for (const { id } of fresh) blocks.unpin(id)
    if (typeof decision === 'string') return 'serverFault'
    const { outcome } = decision
    // Of a file that was removed meanwhile nobody will miss the bytes.
    return outcome.kind === 'refused' && outcome.why !== 'stale' ? outcome.why : seq
  }
}

function recordOf(named: number | Refusal): number {
  if (typeof named === 'string') throw new SealError(named, named)
  return named
}

const extentOf = (offset: number, bytes: Buffer, block: string): Extent => ({
  offset,
  length: bytes.length,
  block,
  blockOffset: 0,
})

function sealErrorOf(error: unknown): SealError {
  if (error instanceof SealError) return error
  return new SealError(isFull(error) ? 'noSpace' : 'inputOutput', error)
}
