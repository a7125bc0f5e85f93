/**
 * The content of files, as every protocol reads and writes it: what is staged over what is sealed.
 */

import { withoutSetId } from '../../auth/access.ts'
import type { Principal } from '../../auth/principal.ts'
import { isRoot } from '../../auth/principal.ts'
import type { BlockStore } from '../../content/block-store.ts'
import type { Piece } from '../../content/pieces.ts'
import type { StagedFile, Staging } from '../../content/staging.ts'
import type { Origin } from '../../journal/record.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { millisOf } from '../../platform/clock.ts'
import { BLOCK_MAX, GRANULE } from '../../platform/limits.ts'
import type { Inode } from '../../projections/inode.ts'
import { nodeId } from '../../projections/node-id.ts'
import type { TreeView } from '../../projections/tree-view.ts'
import type { Stream } from '../stream.ts'
import { admitWrite } from './admit-write.ts'
import { fill, type Part, sealedParts } from './sealed-content.ts'
import { INLINE_MAX, type Sealer } from './sealer.ts'
import type { Sweeper } from './sweeper.ts'

export interface FileContentOptions {
  readonly stream: Stream
  readonly staging: Staging
  readonly blocks: BlockStore
  readonly sealer: Sealer
  /** Left out: truncation does at once whatever it has to. */
  readonly sweeper?: Pick<Sweeper, 'before' | 'beforeGrowth'>
  /** A write that was admitted was not taken after all. */
  readonly onNotTaken?: (share: number, ino: number, why: Refusal) => void
}

export interface Written {
  /** The file as it was before. */
  readonly before: Inode
  /** What must be durable before the answer leaves: a record, or a seal that ends later. */
  readonly durable: number | Promise<void>
}

export class FileContent {
  private readonly options: FileContentOptions

  constructor(options: FileContentOptions) {
    this.options = options
  }

  /** What is staged of a live file; undefined for most. */
  staged(share: number, ino: number): StagedFile | undefined {
    return this.options.staging.find(nodeId(share, ino))
  }

  sizeOf(inode: Inode, staged: StagedFile | undefined): number {
    return staged === undefined ? inode.size : Math.max(inode.size, staged.end)
  }

  /**
   * Parts of [from, to), which must lie within the file as it is with what is staged. `staged` is
   * undefined for a past moment. Rejects or throws DamageError.
   */
  read(
    view: TreeView,
    inode: Inode,
    staged: StagedFile | undefined,
    from: number,
    to: number,
  ): readonly Part[] | Promise<readonly Part[]> {
    const under = this.underStaged(view, inode, from, to)
    if (staged === undefined || !staged.overlaps(from, to)) return under
    // The pieces of now, whatever is sealed while the rest is read: their lists change.
    const pieces = [...staged.overlapping(from, to)]
    const overlay = (parts: readonly Part[]): readonly Part[] => {
      const bytes = Buffer.allocUnsafe(to - from)
      fill(bytes, parts)
      lay(pieces, from, bytes)
      return [bytes]
    }
    if (!isPromise(under)) return overlay(under)
    return under.then(overlay).finally(this.options.staging.hold())
  }

  /** What the extents have, and zeros behind their end. */
  private underStaged(
    view: TreeView,
    inode: Inode,
    from: number,
    to: number,
  ): readonly Part[] | Promise<readonly Part[]> {
    const stop = Math.min(to, inode.size)
    if (stop <= from) return [to - from]
    const sealed = sealedParts(this.options.blocks, view, inode, from, stop)
    if (stop === to) return sealed
    const zeros = to - stop
    if (isPromise(sealed)) return sealed.then((parts) => parts.concat(zeros))
    return sealed.concat(zeros)
  }

  /**
   * Takes bytes in for a live file. With `stable` the answer must wait until `durable`; without it
   * nothing is promised, and `commit` makes it so.
   */
  write(
    share: number,
    ino: number,
    offset: number,
    bytes: Buffer,
    stable: boolean,
    origin: Origin,
    principal: Principal,
  ): Written | Refusal {
    const { stream, staging, sealer } = this.options
    const before = admitWrite(
      stream.world,
      share,
      ino,
      offset,
      bytes.length,
      staging.bytesOf(share),
      principal,
      stream.space,
    )
    if (typeof before === 'string') return before
    if (bytes.length === 0) return { before, durable: 0 }
    const id = nodeId(share, ino)
    let durable: number | Promise<void> = 0
    if (!isRoot(principal) && withoutSetId(before.mode) !== before.mode) {
      const cleared = this.clearSetId(share, ino, before, origin)
      if (typeof cleared === 'string') return this.notTaken(share, ino, cleared)
      durable = cleared
    }
    const staged = staging.find(id)
    if (stable && this.fitsInline(share, ino, before, staged, offset, bytes.length)) {
      const seq = sealer.nameOne(share, ino, offset, bytes, origin)
      if (typeof seq === 'string') return this.notTaken(share, ino, seq)
      // Not before: where the new ones were not taken they still are what was written.
      if (staged !== undefined) staging.discard(id, offset, offset + bytes.length)
      return { before, durable: seq }
    }
    if (staged !== undefined && sealer.isIdle(id)) {
      // So that the record of each seal says who wrote, and memory stays what is counted.
      const apart = this.anotherWriter(staged, origin) || staged.crumbled
      if (apart) sealer.seal(id).catch(() => undefined)
    }
    const at = stream.now()
    staging.write(id, share, ino, offset, bytes, at, millisOf(at), origin)
    if (stable) durable = sealer.seal(id)
    else sealer.sealFull(id)
    return { before, durable }
  }

  private notTaken(share: number, ino: number, why: Refusal): Refusal {
    this.options.onNotTaken?.(share, ino, why)
    return why
  }

  private anotherWriter({ origin, fresh }: StagedFile, { client, uid }: Origin): boolean {
    return !fresh.empty && (origin.client !== client || origin.uid !== uid)
  }

  /**
   * Small, on whole granules or up to the file's end, in one part of the file that a block may
   * cover, and with nothing under way to overtake.
   */
  private fitsInline(
    share: number,
    ino: number,
    inode: Inode,
    staged: StagedFile | undefined,
    offset: number,
    length: number,
  ): boolean {
    const { sealer } = this.options
    if (length > INLINE_MAX || offset % GRANULE !== 0) return false
    if (!sealer.isIdle(nodeId(share, ino))) return false
    const end = offset + length
    if (this.options.sweeper?.beforeGrowth(share, ino, offset) !== undefined) {
      return false
    }
    if (Math.floor(offset / BLOCK_MAX) !== Math.floor((end - 1) / BLOCK_MAX)) return false
    return end % GRANULE === 0 || end >= this.sizeOf(inode, staged)
  }

  private clearSetId(
    share: number,
    ino: number,
    { mode }: Inode,
    origin: Origin,
  ): number | Refusal {
    const decision = this.options.stream.submit(
      {
        type: 'ChangeAttributes',
        share,
        ino,
        mode: withoutSetId(mode),
        uid: undefined,
        gid: undefined,
        size: undefined,
        atime: undefined,
        mtime: undefined,
        guard: undefined,
      },
      origin,
    )
    if (typeof decision === 'string') return 'delayed'
    const { outcome, seq } = decision
    return outcome.kind === 'refused' ? outcome.why : seq
  }

  /** Resolves when everything written to the file is durable; rejects with SealError. */
  commit(share: number, ino: number): Promise<void> | undefined {
    const id = nodeId(share, ino)
    if (this.options.staging.find(id) === undefined && this.options.sealer.isIdle(id)) {
      return undefined
    }
    return this.options.sealer.seal(id)
  }

  /** Whether a change to this size may be decided now; otherwise `settled` says when. */
  mayResize(share: number, ino: number, size: number): boolean {
    if (!this.options.sealer.isIdle(nodeId(share, ino))) return false
    return this.options.sweeper?.before(share, ino, size) === undefined
  }

  /** Resolves when it is worth to ask again; without a size, when no seal is under way. */
  async settled(share: number, ino: number, size?: number): Promise<void> {
    await this.options.sealer.idle(nodeId(share, ino))
    if (size !== undefined) await this.options.sweeper?.before(share, ino, size)
  }

  /** The file was given this size: what is staged behind it is void. */
  resized(share: number, ino: number, size: number): void {
    this.options.staging.truncate(nodeId(share, ino), size)
  }

  /** The file's times were set explicitly: what was written before says nothing about them. */
  timesSet(share: number, ino: number): void {
    const staged = this.staged(share, ino)
    if (staged !== undefined) staged.mtime = undefined
  }
}

function lay(pieces: readonly Piece[], from: number, into: Buffer): void {
  for (const { offset, bytes } of pieces) {
    if (offset >= from) bytes.copy(into, offset - from)
    else bytes.copy(into, 0, from - offset)
  }
}

const isPromise = <T>(x: T | Promise<T>): x is Promise<T> => x instanceof Promise
