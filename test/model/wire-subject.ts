/** The server as a client sees it, for the model: every answer is NFSv3's. */
import { createmode3 } from '../../src/protocols/nfs3/procedures/create.ts'
import { type fattr3, ftype3 } from '../../src/protocols/nfs3/wire-types.ts'
import { listDirectory, ok, sattr } from '../client/nfs3-client.ts'
import { statusName } from '../protocols/nfs3/expectations.ts'
import { ROOT, type Session } from '../protocols/session.ts'
import type { Observed, Subject } from './conformance.ts'
import { hashOf } from './content-hash.ts'
import type {
  Create,
  Errno,
  Kind,
  NodeId,
  Operation,
  PathState,
  SetAttributes,
  Tree,
  Visible,
  Write,
} from './operations.ts'

const kinds = new Map<number, Kind>([
  [ftype3.NF3REG, 'file'],
  [ftype3.NF3DIR, 'directory'],
  [ftype3.NF3LNK, 'symlink'],
  [ftype3.NF3FIFO, 'fifo'],
  [ftype3.NF3SOCK, 'socket'],
])

const errnos: Readonly<Record<string, Errno>> = {
  NFS3ERR_ACCES: 'EACCES',
  NFS3ERR_EXIST: 'EEXIST',
  NFS3ERR_INVAL: 'EINVAL',
  NFS3ERR_ISDIR: 'EISDIR',
  NFS3ERR_NAMETOOLONG: 'ENAMETOOLONG',
  NFS3ERR_NOENT: 'ENOENT',
  NFS3ERR_NOTDIR: 'ENOTDIR',
  NFS3ERR_NOTEMPTY: 'ENOTEMPTY',
  NFS3ERR_PERM: 'EPERM',
  NFS3ERR_STALE: 'ESTALE',
}

const visibleOf = ({ type, mode, nlink, uid, gid, size }: fattr3): Visible => {
  const kind = kinds.get(type)
  if (kind === undefined) throw new Error(`type ${type} was never made`)
  return { kind, mode, nlink, uid, gid, size }
}

const seen = (attributes: fattr3 | undefined): { attributes: Visible | undefined } => ({
  attributes: attributes && visibleOf(attributes),
})

const hex = (handle: Buffer | undefined): string => handle?.toString('hex') ?? 'none'

type Result = { readonly status: number }
/** Some results have the same fields whatever their status is. */
type Done<R extends Result> =
  Extract<R, { readonly status: 0 }> extends never ? R : Extract<R, { readonly status: 0 }>

export class WireSubject implements Subject {
  /** Others behind a crash. */
  sessions: readonly Session[]
  private readonly handles = new Map<NodeId, Buffer>()
  private calls = 0

  constructor(sessions: readonly Session[], root: NodeId, rootHandle: Buffer) {
    this.sessions = sessions
    this.handles.set(root, rootHandle)
  }

  learn(node: NodeId, object: string): void {
    this.handles.set(node, Buffer.from(object, 'hex'))
  }

  /** Connections take turns: what one has done another sees. */
  private session(): Session {
    return this.sessions[this.calls++ % this.sessions.length] as Session
  }

  private handle(node: NodeId): Buffer {
    const handle = this.handles.get(node)
    if (handle === undefined) throw new Error(`no handle is known for node ${node}`)
    return handle
  }

  async perform(operation: Operation): Promise<Observed> {
    const { nfs } = this.session().as(operation.user)
    switch (operation.kind) {
      case 'lookup': {
        const what = { dir: this.handle(operation.dir), name: operation.name }
        return answer(await nfs.lookup({ what }), ({ object, obj_attributes }) => ({
          object: hex(object),
          ...seen(obj_attributes),
        }))
      }
      case 'create':
      case 'mkdir':
      case 'symlink':
      case 'mknod':
        return answer(await this.make(nfs, operation), ({ obj, obj_attributes }) => ({
          object: hex(obj),
          ...seen(obj_attributes),
        }))
      case 'link': {
        const link = { dir: this.handle(operation.dir), name: operation.name }
        const result = await nfs.link({ file: this.handle(operation.node), link })
        return answer(result, ({ file_attributes }) => seen(file_attributes))
      }
      case 'remove':
      case 'rmdir': {
        const object = { dir: this.handle(operation.dir), name: operation.name }
        return answer(await nfs[operation.kind]({ object }), () => ({}))
      }
      case 'rename': {
        const from = { dir: this.handle(operation.dir), name: operation.name }
        const to = { dir: this.handle(operation.toDir), name: operation.toName }
        return answer(await nfs.rename({ from, to }), () => ({}))
      }
      case 'setattr':
        return this.setattr(nfs, operation)
      case 'write':
        return this.write(nfs, operation)
      case 'read': {
        const { node, offset, count } = operation
        const result = await nfs.read({ file: this.handle(node), offset, count })
        return answer(result, ({ data, eof, file_attributes }) => ({
          data,
          eof,
          ...seen(file_attributes),
        }))
      }
      case 'access': {
        const object = this.handle(operation.node)
        const result = await nfs.access({ object, access: 0x3f })
        return answer(result, ({ access, obj_attributes }) => ({
          access: (access & 1 ? 4 : 0) | (access & 4 ? 2 : 0) | (access & 0x22 ? 1 : 0),
          ...seen(obj_attributes),
        }))
      }
      case 'readlink': {
        const result = await nfs.readlink({ symlink: this.handle(operation.node) })
        return answer(result, ({ data, symlink_attributes }) => ({
          target: data,
          ...seen(symlink_attributes),
        }))
      }
      case 'readdir':
        return this.readdir(nfs, operation.node)
    }
  }

  private make(
    nfs: Session['nfs'],
    operation: Create | Extract<Operation, { kind: 'mkdir' | 'mknod' | 'symlink' }>,
  ) {
    const where = { dir: this.handle(operation.dir), name: operation.name }
    switch (operation.kind) {
      case 'create': {
        const { mode, size, guarded } = operation
        const obj_attributes = sattr(size === undefined ? { mode } : { mode, size })
        const how = { mode: guarded ? createmode3.GUARDED : createmode3.UNCHECKED, obj_attributes }
        return nfs.create({ where, how })
      }
      case 'mkdir':
        return nfs.mkdir({ where, attributes: sattr({ mode: operation.mode }) })
      case 'symlink': {
        const symlink = { symlink_attributes: sattr(), symlink_data: operation.target }
        return nfs.symlink({ where, symlink })
      }
      case 'mknod': {
        const type = operation.what === 'fifo' ? ftype3.NF3FIFO : ftype3.NF3SOCK
        const what = { type, pipe_attributes: sattr({ mode: operation.mode }) }
        return nfs.mknod({ where, what })
      }
    }
  }

  private async setattr(nfs: Session['nfs'], operation: SetAttributes): Promise<Observed> {
    const { node, user: _, kind: __, ...wanted } = operation
    const args = { object: this.handle(node), new_attributes: sattr(wanted), guard: undefined }
    return answer(await nfs.setattr(args), ({ obj_wcc }) => seen(obj_wcc.after))
  }

  private async write(nfs: Session['nfs'], operation: Write): Promise<Observed> {
    const { node, offset, data, stable } = operation
    const args = { file: this.handle(node), offset, count: data.length, data }
    const result = await nfs.write({ ...args, stable: stable ? 2 : 0 })
    return answer(result, ({ file_wcc }) => seen(file_wcc.after))
  }

  private async readdir(nfs: Session['nfs'], node: NodeId): Promise<Observed> {
    const dir = this.handle(node)
    const first = { dir, cookie: 0, cookieverf: Buffer.alloc(8), count: 512 }
    const names: string[] = []
    for (let cookie = 0; ; ) {
      const result = await nfs.readdir({ ...first, cookie })
      if (result.status !== 0) return answer(result, () => ({}))
      const { entries, eof } = result.reply
      names.push(...entries.map(({ name }) => name))
      if (eof) break
      cookie = entries.at(-1)?.cookie ?? 0
    }
    return { names: names.filter((name) => name !== '.' && name !== '..').sort() }
  }

  /** Walked by root, with READDIRPLUS. */
  async tree(): Promise<Tree> {
    const session = (this.sessions[0] as Session).as(ROOT)
    const tree = new Map<string, PathState>()
    const first = new Map<number, string>()
    const visit = async (path: string, handle: Buffer): Promise<void> => {
      const attributes = await session.attributes(handle)
      const { fileid } = attributes
      if (!first.has(fileid)) first.set(fileid, path)
      const state = { ...visibleOf(attributes), same: first.get(fileid) as string }
      if (state.kind === 'file') {
        tree.set(path, { ...state, content: hashOf(await session.readAll(handle)) })
      } else if (state.kind === 'symlink') {
        const { data: target } = ok(await session.nfs.readlink({ symlink: handle }))
        tree.set(path, { ...state, target })
      } else tree.set(path, state)
      if (state.kind !== 'directory') return
      const entries = await listDirectory(session.nfs, handle)
      for (const { name, name_handle } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        if (name !== '.' && name !== '..') await visit(`${path}/${name}`, name_handle as Buffer)
      }
    }
    await visit('', [...this.handles.values()][0] as Buffer)
    return tree
  }
}

function answer<R extends Result>(result: R, observe: (done: Done<R>) => Observed): Observed {
  if (result.status === 0) return observe(result as Done<R>)
  const name = statusName(result)
  const error = errnos[name]
  if (error === undefined) throw new Error(`${name} is no answer that POSIX knows`)
  return { error }
}
