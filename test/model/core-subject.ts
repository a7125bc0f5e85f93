/** The core for the model: commands, and what the world says behind them. */
import { grantedBits } from '../../src/auth/access.ts'
import type { Principal } from '../../src/auth/principal.ts'
import type { Command } from '../../src/commands/deciders.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { noAttributes } from '../../src/commands/tree/new-object.ts'
import type { StagedFile } from '../../src/content/staging.ts'
import type { Refusal } from '../../src/journal/refusal.ts'
import { NAME_MAX } from '../../src/platform/limits.ts'
import { fileKind, type Inode, ROOT_INO } from '../../src/projections/inode.ts'
import type { TreeView } from '../../src/projections/tree-view.ts'
import type { Observed, Subject } from './conformance.ts'
import { hashOf } from './content-hash.ts'
import { type Core, SHARE } from './core-fixture.ts'
import type {
  Create,
  Errno,
  Kind,
  MakeNode,
  NodeId,
  Operation,
  PathState,
  Query,
  Tree,
  Visible,
  Write,
} from './operations.ts'

const kinds = new Map<number, Kind>([
  [fileKind.regular, 'file'],
  [fileKind.directory, 'directory'],
  [fileKind.symlink, 'symlink'],
  [fileKind.fifo, 'fifo'],
  [fileKind.socket, 'socket'],
])

const errnos: Partial<Record<Refusal, Errno>> = {
  accessDenied: 'EACCES',
  exists: 'EEXIST',
  invalid: 'EINVAL',
  isDirectory: 'EISDIR',
  nameTooLong: 'ENAMETOOLONG',
  noEntry: 'ENOENT',
  notDirectory: 'ENOTDIR',
  notEmpty: 'ENOTEMPTY',
  notPermitted: 'EPERM',
  stale: 'ESTALE',
}

function refused(why: Refusal): Observed {
  const error = errnos[why]
  if (error === undefined) throw new Error(`${why} is no answer that POSIX knows`)
  return { error }
}

function visibleOf({ kind, mode, nlink, uid, gid, size }: Inode, staged?: StagedFile): Visible {
  const known = kinds.get(kind)
  if (known === undefined) throw new Error(`kind ${kind} was never made`)
  return { kind: known, mode, nlink, uid, gid, size: Math.max(size, staged?.end ?? 0) }
}

type Making = Extract<Operation, { kind: 'create' | 'mkdir' | 'symlink' | 'mknod' }>

export class CoreSubject implements Subject {
  /** Another one behind a crash. */
  core: Core
  private readonly inos = new Map<NodeId, number>()

  constructor(core: Core, root: NodeId) {
    this.core = core
    this.inos.set(root, ROOT_INO)
  }

  learn(node: NodeId, object: string): void {
    this.inos.set(node, Number(object))
  }

  private ino(node: NodeId): number {
    const ino = this.inos.get(node)
    if (ino === undefined) throw new Error(`no inode is known for node ${node}`)
    return ino
  }

  private get live(): TreeView {
    return this.core.world.live(SHARE)
  }

  async perform(operation: Operation): Promise<Observed> {
    const { user } = operation
    switch (operation.kind) {
      case 'create':
      case 'mkdir':
      case 'symlink':
      case 'mknod':
        return this.make(operation)
      case 'link': {
        const [ino, dir] = [this.ino(operation.node), this.ino(operation.dir)]
        const { name } = operation
        return this.decide({ type: 'LinkEntry', share: SHARE, ino, dir, name }, user)
      }
      case 'remove':
      case 'rmdir': {
        const type = operation.kind === 'remove' ? 'RemoveFile' : 'RemoveDirectory'
        const { name } = operation
        return nameless(
          await this.decide({ type, share: SHARE, dir: this.ino(operation.dir), name }, user),
        )
      }
      case 'rename': {
        const [fromDir, toDir] = [this.ino(operation.dir), this.ino(operation.toDir)]
        const { name: fromName, toName } = operation
        const names = { fromDir, fromName, toDir, toName }
        return nameless(await this.decide({ type: 'RenameEntry', share: SHARE, ...names }, user))
      }
      case 'setattr': {
        const { node, mode, uid, gid, size } = operation
        const ino = this.ino(node)
        const times = { atime: undefined, mtime: undefined, guard: undefined }
        const command = { share: SHARE, ino, mode, uid, gid, size, ...times }
        if (size !== undefined) await this.core.content.settled(SHARE, ino)
        const observed = await this.decide({ type: 'ChangeAttributes', ...command }, user, size)
        return observed
      }
      case 'write':
        return this.write(operation)
      default:
        return this.query(operation)
    }
  }

  private async make(operation: Making): Promise<Observed> {
    const dir = this.ino(operation.dir)
    const size = operation.kind === 'create' ? operation.size : undefined
    if (size !== undefined && operation.name.length <= NAME_MAX) {
      const there = this.live.entry(dir, operation.name)?.ino
      if (there !== undefined) await this.core.content.settled(SHARE, there)
    }
    return this.decide(this.making(operation, dir), operation.user, size)
  }

  private making(operation: Making, dir: number): Command {
    const { name } = operation
    const place = { share: SHARE, dir, name }
    const mode = operation.kind === 'symlink' ? undefined : operation.mode
    const attributes = { ...noAttributes, mode }
    switch (operation.kind) {
      case 'create': {
        const how = operation.guarded ? 'guarded' : 'unchecked'
        const { size } = operation as Create
        return { type: 'CreateFile', ...place, how, verifier: undefined, attributes, size }
      }
      case 'mkdir':
        return { type: 'CreateDirectory', ...place, attributes }
      case 'symlink':
        return { type: 'CreateSymlink', ...place, target: operation.target, attributes }
      case 'mknod': {
        const kind = (operation as MakeNode).what === 'fifo' ? fileKind.fifo : fileKind.socket
        return { type: 'CreateSpecialFile', ...place, kind, major: 0, minor: 0, attributes }
      }
    }
  }

  /** `size`: what the file is cut to, which concerns staged bytes. */
  private async decide(command: Command, user: Principal, size?: number): Promise<Observed> {
    const outcome = await this.core.submit(command, user)
    if (outcome.kind === 'refused') return refused(outcome.why)
    if (size !== undefined) this.core.content.resized(SHARE, outcome.ino, size)
    return this.seen(outcome.ino)
  }

  private seen(ino: number): Observed {
    const inode = this.live.inode(ino)
    const staged = this.core.content.staged(SHARE, ino)
    return { object: String(ino), attributes: inode && visibleOf(inode, staged) }
  }

  private async write({ user, node, offset, data, stable }: Write): Promise<Observed> {
    const ino = this.ino(node)
    const { uid, gid } = user
    const origin = { ...NO_ORIGIN, uid, gid }
    const written = this.core.content.write(SHARE, ino, offset, data, stable, origin, user)
    if (typeof written === 'string') return refused(written)
    if (typeof written.durable !== 'number') await written.durable
    return this.seen(ino)
  }

  /** Questions, which the core lets everybody ask: protocols check who may. */
  private async query(operation: Query): Promise<Observed> {
    const view = this.live
    const ino = this.ino(operation.kind === 'lookup' ? operation.dir : operation.node)
    const inode = view.inode(ino)
    if (inode === undefined) return refused('stale')
    switch (operation.kind) {
      case 'access':
        return { access: grantedBits(inode, operation.user) }
      case 'lookup': {
        if (inode.kind !== fileKind.directory) return refused('notDirectory')
        const entry = view.entry(ino, operation.name)
        return entry === undefined ? refused('noEntry') : this.seen(entry.ino)
      }
      case 'readdir': {
        if (inode.kind !== fileKind.directory) return refused('notDirectory')
        return { names: [...view.list(ino, 0)].map(([, { name }]) => name).sort() }
      }
      case 'readlink':
        return inode.kind === fileKind.symlink ? { target: inode.target } : refused('invalid')
      case 'read': {
        if (inode.kind === fileKind.directory) return refused('isDirectory')
        if (inode.kind !== fileKind.regular) return refused('invalid')
        const { offset, count } = operation
        const staged = this.core.content.staged(SHARE, ino)
        const size = this.core.content.sizeOf(inode, staged)
        const data = await this.bytes(view, inode, staged, offset, Math.min(size, offset + count))
        return { data, eof: offset + data.length >= size }
      }
    }
  }

  private async bytes(
    view: TreeView,
    inode: Inode,
    staged: StagedFile | undefined,
    from: number,
    to: number,
  ): Promise<Buffer> {
    if (to <= from) return Buffer.alloc(0)
    const parts = await this.core.content.read(view, inode, staged, from, to)
    return Buffer.concat(
      parts.map((part) => (typeof part === 'number' ? Buffer.alloc(part) : part)),
    )
  }

  tree(): Promise<Tree> {
    return this.treeOf(this.live, true)
  }

  /** The tree of a view: of now with what is staged, or of any moment. */
  async treeOf(view: TreeView, live = false): Promise<Tree> {
    const tree = new Map<string, PathState>()
    const first = new Map<number, string>()
    const visit = async (path: string, ino: number): Promise<void> => {
      const inode = view.inode(ino)
      if (inode === undefined) throw new Error(`no inode ${ino} at ${path}`)
      if (!first.has(ino)) first.set(ino, path)
      const staged = live ? this.core.content.staged(SHARE, ino) : undefined
      const state = { ...visibleOf(inode, staged), same: first.get(ino) as string }
      if (state.kind === 'file') {
        const content = await this.bytes(view, inode, staged, 0, state.size as number)
        tree.set(path, { ...state, content: hashOf(content) })
      } else if (state.kind === 'symlink') tree.set(path, { ...state, target: inode.target })
      else tree.set(path, state)
      if (state.kind !== 'directory') return
      const entries = [...view.list(ino, 0)].map(([, entry]) => entry)
      for (const { name, ino: entry } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        if (view.entry(ino, name)?.ino !== entry) throw new Error(`${path}/${name} is listed only`)
        await visit(`${path}/${name}`, entry)
      }
    }
    await visit('', ROOT_INO)
    return tree
  }
}

/** Of what is gone or was only moved nothing is said. */
const nameless = ({ error }: Observed): Observed => (error === undefined ? {} : { error })
