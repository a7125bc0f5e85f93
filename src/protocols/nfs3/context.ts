/** What NFSv3's procedures work with: the engine, handles, exports, and how long replies wait. */
import type { Principal } from '../../auth/principal.ts'
import { wantsAccessTime } from '../../commands/content/touch-access-time.ts'
import type { Command } from '../../commands/deciders.ts'
import type { Engine } from '../../commands/engine.ts'
import { firstOf } from '../../commands/moments.ts'
import type { StagedFile } from '../../content/staging.ts'
import { type OperationName, operations } from '../../journal/command-names.ts'
import type { Origin } from '../../journal/record.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { type Inode, ROOT_INO } from '../../projections/inode.ts'
import { nodeId } from '../../projections/node-id.ts'
import type { Share } from '../../projections/share.ts'
import type { TreeView } from '../../projections/tree-view.ts'
import { Exports } from '../exports.ts'
import { HandleCodec } from '../handle.ts'
import { HISTORY_INO } from '../history-moment.ts'
import type { Call } from '../rpc/program.ts'
import { fattr3Of, wccAttrOf } from './attributes.ts'
import { ReplyCache } from './reply-cache.ts'
import { UnopenedChanges } from './unopened.ts'
import type { fattr3, wcc_attr, wcc_data } from './wire-types.ts'

/** A handle that names something the caller may ask about. */
export interface Opened {
  readonly share: Share
  readonly view: TreeView
  readonly ino: number
  readonly inode: Inode
  readonly principal: Principal
  /** The record whose moment this is; NOW, or HISTORY. */
  readonly asOf: number
  /** The handle is one of a past moment: whatever is done, what it names stays as it is. */
  readonly fixed: boolean
  /** Of what may be changed: how it was before. */
  before: wcc_attr | undefined
}

/** The moment that has no record behind it yet. */
export const NOW = 0
/** No moment, but all of them: the directory `.history` at a share's root. */
export const HISTORY = -1
const HISTORY_ATTRIBUTES = { mode: 0o555, uid: 0, gid: 0, nlink: 2, parent: ROOT_INO } as const

/** Whether a moment may be looked at by who has a handle of it. */
const isOpen = (share: Share, asOf: number, horizon: number): boolean =>
  share.options.history !== 'off' && asOf >= horizon && asOf >= firstOf(share)

export class Nfs3 {
  readonly engine: Engine
  readonly exports: Exports
  readonly handles: HandleCodec
  readonly replies = new ReplyCache()
  private readonly unopened: UnopenedChanges
  /** The share of the handle that was opened last: whose audit level the call falls under. */
  lastShare: Share | undefined
  /** What it names, whether or not it is there; 0: nothing. */
  lastIno = 0
  /** Who opened it, when they were let in. */
  lastPrincipal: Principal | undefined

  constructor(engine: Engine) {
    this.engine = engine
    this.unopened = new UnopenedChanges(engine)
    this.exports = new Exports(engine.world.control)
    this.handles = new HandleCodec(engine.world.control.state.handleKey)
  }

  /** A call begins: nothing was opened for it yet. What it sees gets no other content. */
  begin(): void {
    this.engine.stream.closeRecord()
    this.opensNothing()
  }

  /** A WRITE begins, which may become part of the record of those before it. */
  beginWrite({ caller }: Call): void {
    this.engine.stream.closeRecord(caller.client)
    this.opensNothing()
  }

  private opensNothing(): void {
    this.lastShare = undefined
    this.lastIno = 0
    this.lastPrincipal = undefined
  }

  /** Remembers that the call in hand was refused because its handle could not be opened. */
  noteUnopened(type: Command['type'], operation: OperationName, why: Refusal, call: Call): void {
    const [share, ino] = [this.lastShare?.id ?? 0, this.lastIno]
    this.unopened.note({ type, operation, why, call, share, ino })
  }

  /** `moment`: the record after which to look, or NOW. */
  open(bytes: Buffer, call: Call, moment = NOW): Opened | Refusal {
    const handle = this.handles.decode(bytes)
    if (handle === undefined) return 'badHandle'
    const { ino, generation } = handle
    const { world } = this.engine
    const share = world.control.shares.get(handle.share)
    if (share === undefined || share.deleted !== 0) return 'stale'
    this.lastShare = share
    this.lastIno = ino
    const principal = this.exports.admit(call.caller, share, call.principal)
    if (typeof principal === 'string') return principal
    this.lastPrincipal = principal
    if (ino === HISTORY_INO) return this.history(share, generation, principal)
    if (handle.asOf !== NOW && !isOpen(share, handle.asOf, world.horizon(share.id))) return 'stale'
    const asOf = handle.asOf === NOW ? moment : handle.asOf
    const view = asOf === NOW ? world.live(share.id) : world.asOf(share.id, asOf)
    const inode = view.inode(ino)
    if (inode === undefined || inode.generation !== generation) return 'stale'
    const fixed = handle.asOf !== NOW
    return { share, view, ino, inode, principal, asOf, fixed, before: undefined }
  }

  /** The directory of past moments, which is in no table. */
  private history(share: Share, generation: number, principal: Principal): Opened | Refusal {
    const view = this.engine.world.live(share.id)
    const root = view.inode(ROOT_INO)
    if (root === undefined || generation !== share.generation) return 'stale'
    if (share.options.history === 'off') return 'stale'
    const inode = { ...root, ...HISTORY_ATTRIBUTES }
    const [ino, asOf] = [HISTORY_INO, HISTORY]
    return { share, view, ino, inode, principal, asOf, fixed: true, before: undefined }
  }

  /** Attributes and handle of an entry that was found in a directory; undefined when it is gone. */
  entryIn(
    { share, view, asOf: here }: Opened,
    ino: number,
    asOf: number,
  ): { readonly attributes: fattr3; readonly handle: Buffer } | undefined {
    if (ino === HISTORY_INO) return this.historyEntry(share)
    const there = asOf === here ? view : this.glanceAt(share, asOf)
    const inode = there.inode(ino)
    if (inode === undefined) return undefined
    const staged = asOf === NOW ? this.stagedOf(share, ino) : undefined
    return {
      attributes: fattr3Of(share.id, ino, inode, staged, asOf),
      handle: this.handleOf(share, ino, inode, asOf),
    }
  }

  private historyEntry(share: Share) {
    const root = this.engine.world.live(share.id).inode(ROOT_INO)
    if (root === undefined) return undefined
    const inode = { ...root, ...HISTORY_ATTRIBUTES }
    return {
      attributes: fattr3Of(share.id, HISTORY_INO, inode, undefined),
      handle: this.handles.encode(share.id, HISTORY_INO, share.generation),
    }
  }

  /** Opens what is about to change, and remembers how it was. */
  openToChange(bytes: Buffer, call: Call, moment = NOW): Opened | Refusal {
    const opened: Opened | Refusal = this.open(bytes, call, moment)
    if (typeof opened !== 'string') opened.before = wccAttrOf(opened.inode, this.staged(opened))
    return opened
  }

  handleOf(share: Share, ino: number, inode: Inode, asOf = NOW): Buffer {
    return this.handles.encode(share.id, ino, inode.generation, asOf)
  }

  staged(opened: Opened): StagedFile | undefined {
    return opened.asOf === NOW ? this.stagedOf(opened.share, opened.ino) : undefined
  }

  private stagedOf(share: Share, ino: number): StagedFile | undefined {
    const { staging } = this.engine
    return staging.size === 0 ? undefined : staging.find(nodeId(share.id, ino))
  }

  attributes({ share, ino, inode, asOf }: Opened): fattr3 {
    if (asOf === NOW) return fattr3Of(share.id, ino, inode, this.stagedOf(share, ino))
    return fattr3Of(share.id, ino, inode, undefined, Math.max(NOW, asOf))
  }

  /**
   * Attributes as they are in a view by now; undefined when the object is gone. `asOf` is the
   * moment that the view is of.
   */
  attributesIn(share: Share, view: TreeView, ino: number, asOf: number): fattr3 | undefined {
    const inode = view.inode(ino)
    if (inode === undefined) return undefined
    const staged = asOf === NOW ? this.stagedOf(share, ino) : undefined
    return fattr3Of(share.id, ino, inode, staged, asOf)
  }

  /** For who looks at many moments, each of them once. */
  private glanceAt(share: Share, moment: number): TreeView {
    const { world } = this.engine
    return moment === NOW ? world.live(share.id) : world.glance(share.id, moment)
  }

  viewAt(share: Share, moment: number): TreeView {
    const { world } = this.engine
    return moment === NOW ? world.live(share.id) : world.asOf(share.id, moment)
  }

  /** Attributes after a change of an object that was opened before it. */
  after(opened: Opened, moment: number): fattr3 | undefined {
    if (opened.fixed) return this.attributes(opened)
    const { share, ino } = opened
    const attributes = this.attributesIn(share, this.viewAt(share, moment), ino, moment)
    if (moment === NOW) return attributes
    // A retransmission is answered from the past, about what was the present.
    return attributes && { ...attributes, fsid: share.id }
  }

  /** Weak cache consistency: the object as it was opened, and as it is after `moment`. */
  wcc(opened: Opened | undefined, moment: number): wcc_data {
    if (opened === undefined) return { before: undefined, after: undefined }
    return { before: opened.before, after: this.after(opened, moment) }
  }

  origin(call: Call, operation: OperationName, { uid, gid }: Principal): Origin {
    const { caller, xid, checksum, machine } = call
    const op = operations[operation]
    const { client } = caller
    if (machine === 0) return { op, client, uid, gid, xid, checksum }
    return { op, client, uid, gid, xid, checksum, machine }
  }

  /** Remembers a read where relatime wants it remembered. No reply waits for it. */
  keepAccessTime(opened: Opened, operation: OperationName, call: Call): void {
    const { share, inode, ino, principal, asOf } = opened
    if (asOf !== NOW || share.options.atime === 'none' || share.options.readOnly) return
    const { stream, clock } = this.engine
    if (!wantsAccessTime(inode, clock.now())) return
    const origin = { ...this.origin(call, operation, principal), xid: 0, checksum: 0 }
    stream.submit({ type: 'TouchAccessTime', share: share.id, ino }, origin, principal)
  }

  /** What a reply waits for that has seen up to record `seq`: nothing in a share that is async. */
  holdFor(share: Share | undefined, seq: number): number {
    return share !== undefined && share.options.durability === 'async' ? 0 : seq
  }
}
