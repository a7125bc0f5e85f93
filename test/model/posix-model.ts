/**
 * A file system on the heap, from POSIX.1-2017 (System Interfaces) and the deviations that NFSv3
 * makes for want of open(): the owner of a file may read and write it whatever its mode says, and
 * who may execute it may read it (RFC 1813, sections 3.3.6 and 4.4).
 */
import { hashOf } from './content-hash.ts'
import { Demands, fail, succeed } from './demands.ts'
import type {
  Create,
  Expected,
  Kind,
  Link,
  NodeId,
  Operation,
  PathState,
  Read,
  Rename,
  SetAttributes,
  Tree,
  User,
  Visible,
  Write,
} from './operations.ts'
import { grants, type ModelNode, member, S_ISGID, unprivileged, visibleOf } from './posix-node.ts'

const NAME_MAX = 255
const ROOT = 1
const isRoot = ({ uid }: User): boolean => uid === 0
const isDot = (name: string): boolean => name === '.' || name === '..'

interface Place {
  readonly dir: ModelNode
  readonly entry: ModelNode | undefined
}

export class PosixModel {
  private readonly nodes = new Map<NodeId, ModelNode>()
  private next = ROOT

  constructor(rootMode = 0o777) {
    this.add('directory', rootMode, { uid: 0, gid: 0 }, ROOT)
  }

  get root(): NodeId {
    return ROOT
  }

  /** Numbers ever given out are below this one. */
  get end(): NodeId {
    return this.next
  }

  node(id: NodeId): ModelNode | undefined {
    return this.nodes.get(id)
  }

  all(): readonly ModelNode[] {
    return [...this.nodes.values()]
  }

  /** Says what must come of an operation, and makes it so. */
  apply(operation: Operation): Expected {
    const { user } = operation
    switch (operation.kind) {
      case 'lookup':
        return this.lookup(user, operation.dir, operation.name)
      case 'create':
        return this.create(operation)
      case 'mkdir':
        return this.make(user, operation, 'directory', operation.mode)
      case 'symlink':
        return this.make(user, operation, 'symlink', 0o777, operation.target)
      case 'mknod':
        return this.make(user, operation, operation.what, operation.mode)
      case 'link':
        return this.link(operation)
      case 'remove':
        return this.remove(user, operation.dir, operation.name)
      case 'rmdir':
        return this.rmdir(user, operation.dir, operation.name)
      case 'rename':
        return this.rename(operation)
      case 'setattr':
        return this.setattr(operation)
      case 'write':
        return this.write(operation)
      case 'read':
        return this.read(operation)
      default:
        return this.ask(user, operation.node, operation.kind)
    }
  }

  private add(
    kind: Kind,
    mode: number,
    owner: { uid: number; gid: number },
    parent: NodeId,
  ): ModelNode {
    const id = this.next++
    const nlink = kind === 'directory' ? 2 : 1
    const { uid, gid } = owner
    const content = Buffer.alloc(0)
    const entries = new Map<string, NodeId>()
    const node = { id, kind, mode, uid, gid, nlink, content, target: '', entries, parent }
    this.nodes.set(id, node)
    return node
  }

  /** The directory, when it is there to be searched. */
  private directory(demands: Demands, user: User, id: NodeId): ModelNode | undefined {
    const dir = this.nodes.get(id)
    demands.that(dir !== undefined, 'ESTALE')
    if (dir === undefined) return undefined
    demands.that(dir.kind === 'directory', 'ENOTDIR')
    demands.that(dir.kind !== 'directory' || grants(dir, user, 1), 'EACCES')
    return dir
  }

  private place(demands: Demands, user: User, id: NodeId, name: string): Place | undefined {
    const dir = this.directory(demands, user, id)
    demands.that(name.length <= NAME_MAX, 'ENAMETOOLONG')
    if (dir === undefined || demands.unmet !== undefined) return undefined
    const found = dir.entries.get(name)
    return { dir, entry: found === undefined ? undefined : this.nodes.get(found) }
  }

  private lookup(user: User, id: NodeId, name: string): Expected {
    const demands = new Demands()
    const place = this.place(demands, user, id, name)
    if (place === undefined) return demands.unmet as Expected
    if (name === '.') return succeed({ node: place.dir.id })
    if (name === '..') return succeed({ node: place.dir.parent })
    return place.entry === undefined ? fail('ENOENT') : succeed({ node: place.entry.id })
  }

  private create(operation: Create): Expected {
    const { user, dir, name, mode, guarded, size } = operation
    const place = this.place(new Demands(), user, dir, name)
    const there = place?.entry
    if (there === undefined || guarded || there.kind !== 'file') {
      const made = this.make(user, operation, 'file', mode)
      const file = made.value?.node
      if (file !== undefined && size !== undefined) this.resize(file, size)
      return made
    }
    if (size === undefined) return succeed({ node: there.id })
    if (!this.mayWrite(there, user)) return fail('EACCES')
    this.resize(there.id, size)
    if (!isRoot(user)) there.mode = unprivileged(there.mode)
    return succeed({ node: there.id })
  }

  private make(
    user: User,
    { dir: id, name }: { readonly dir: NodeId; readonly name: string },
    kind: Kind,
    mode: number,
    target = '',
  ): Expected {
    const demands = new Demands()
    const place = this.place(demands, user, id, name)
    if (place === undefined) return demands.unmet as Expected
    const { dir, entry } = place
    demands.that(entry === undefined && !isDot(name), 'EEXIST')
    demands.that(grants(dir, user, 2), 'EACCES')
    if (demands.unmet !== undefined) return demands.unmet
    const inherits = (dir.mode & S_ISGID) !== 0
    const handedOn = inherits && kind === 'directory' ? S_ISGID : 0
    const owner = { uid: user.uid, gid: inherits ? dir.gid : user.gid }
    const node = this.add(kind, mode | handedOn, owner, dir.id)
    node.target = target
    dir.entries.set(name, node.id)
    if (kind === 'directory') dir.nlink += 1
    return succeed({ node: node.id })
  }

  private link({ user, node: id, dir: at, name }: Link): Expected {
    const demands = new Demands()
    const node = this.nodes.get(id)
    const place = this.place(demands, user, at, name)
    demands.that(node !== undefined, 'ESTALE')
    if (node?.kind === 'directory') demands.that(false, 'EPERM', 'EISDIR')
    if (place === undefined) return demands.unmet as Expected
    demands.that(place.entry === undefined && !isDot(name), 'EEXIST')
    demands.that(grants(place.dir, user, 2), 'EACCES')
    if (node === undefined || demands.unmet !== undefined) return demands.unmet as Expected
    place.dir.entries.set(name, id)
    node.nlink += 1
    return succeed({ node: id })
  }

  /** Whether the sticky bit lets this user take the entry away. */
  private sticky(demands: Demands, dir: ModelNode, entry: ModelNode, user: User): void {
    const protects = (dir.mode & 0o1000) !== 0
    const owns = isRoot(user) || user.uid === entry.uid || user.uid === dir.uid
    demands.that(!protects || owns, 'EPERM', 'EACCES')
  }

  private remove(user: User, id: NodeId, name: string): Expected {
    const demands = new Demands()
    const place = this.place(demands, user, id, name)
    if (isDot(name)) return fail(...demands.errors, 'EINVAL', 'EISDIR', 'EPERM')
    if (place === undefined) return demands.unmet as Expected
    const { dir, entry } = place
    demands.that(entry !== undefined, 'ENOENT').that(grants(dir, user, 2), 'EACCES')
    if (entry === undefined) return demands.unmet as Expected
    demands.that(entry.kind !== 'directory', 'EISDIR', 'EPERM')
    this.sticky(demands, dir, entry, user)
    if (demands.unmet !== undefined) return demands.unmet
    this.unlink(dir, name, entry)
    return succeed({})
  }

  private rmdir(user: User, id: NodeId, name: string): Expected {
    const demands = new Demands()
    const place = this.place(demands, user, id, name)
    if (name === '.') return fail(...demands.errors, 'EINVAL')
    if (name === '..') return fail(...demands.errors, 'ENOTEMPTY', 'EEXIST')
    if (place === undefined) return demands.unmet as Expected
    const { dir, entry } = place
    demands.that(entry !== undefined, 'ENOENT').that(grants(dir, user, 2), 'EACCES')
    if (entry === undefined) return demands.unmet as Expected
    demands.that(entry.kind === 'directory', 'ENOTDIR')
    demands.that(entry.entries.size === 0, 'ENOTEMPTY', 'EEXIST')
    this.sticky(demands, dir, entry, user)
    if (demands.unmet !== undefined) return demands.unmet
    this.unlink(dir, name, entry)
    return succeed({})
  }

  private unlink(dir: ModelNode, name: string, entry: ModelNode): void {
    dir.entries.delete(name)
    if (entry.kind === 'directory') dir.nlink -= 1
    entry.nlink -= 1
    if (entry.kind === 'directory' || entry.nlink === 0) this.nodes.delete(entry.id)
  }

  private rename(operation: Rename): Expected {
    const { user, dir: fromId, name, toDir: toId, toName } = operation
    const demands = new Demands()
    // One after the other: an error of one place must not hide those of the other.
    const [fromDemands, toDemands] = [new Demands(), new Demands()]
    const from = this.place(fromDemands, user, fromId, name)
    const to = this.place(toDemands, user, toId, toName)
    for (const errno of [...fromDemands.errors, ...toDemands.errors]) demands.that(false, errno)
    demands.that(!isDot(name) && !isDot(toName), 'EINVAL')
    if (from !== undefined) demands.that(grants(from.dir, user, 2), 'EACCES')
    if (to !== undefined) demands.that(grants(to.dir, user, 2), 'EACCES')
    if (from?.entry !== undefined) this.sticky(demands, from.dir, from.entry, user)
    else if (from !== undefined) demands.that(false, 'ENOENT')
    if (from?.entry === undefined || to === undefined) return demands.unmet as Expected
    if (isDot(name) || isDot(toName)) return demands.unmet as Expected
    const { dir, entry } = from
    // Two names of one object: nothing happens, whether or not it would have been allowed.
    if (to.entry === entry) return { value: {}, errors: demands.errors }
    this.demandReplaceable(demands, entry, to, user)
    if (entry.kind === 'directory' && dir !== to.dir) {
      demands.that(!this.within(to.dir, entry), 'EINVAL')
      demands.that(grants(entry, user, 2), 'EACCES')
    }
    if (demands.unmet !== undefined) return demands.unmet
    if (to.entry !== undefined) this.unlink(to.dir, toName, to.entry)
    dir.entries.delete(name)
    to.dir.entries.set(toName, entry.id)
    if (entry.kind === 'directory') {
      dir.nlink -= 1
      to.dir.nlink += 1
      entry.parent = to.dir.id
    }
    return succeed({})
  }

  private demandReplaceable(demands: Demands, moved: ModelNode, to: Place, user: User): void {
    const { entry: target } = to
    if (target === undefined) return
    this.sticky(demands, to.dir, target, user)
    if (moved.kind !== 'directory') demands.that(target.kind !== 'directory', 'EISDIR')
    else if (target.kind !== 'directory') demands.that(false, 'ENOTDIR')
    else demands.that(target.entries.size === 0, 'ENOTEMPTY', 'EEXIST')
  }

  /** Whether `dir` is `top` or lies below it. */
  private within(dir: ModelNode, top: ModelNode): boolean {
    for (let at = dir; ; at = this.nodes.get(at.parent) as ModelNode) {
      if (at === top) return true
      if (at.id === ROOT) return false
    }
  }

  private setattr({ user, node: id, mode, uid, gid, size }: SetAttributes): Expected {
    const node = this.nodes.get(id)
    if (node === undefined) return fail('ESTALE')
    const demands = new Demands()
    const owner = user.uid === node.uid
    demands.that(mode === undefined || owner || isRoot(user), 'EPERM')
    const keeps = uid === undefined || uid === node.uid
    const joins = gid === undefined || gid === node.gid || member(user, gid)
    const chowns = uid !== undefined || gid !== undefined
    demands.that(!chowns || isRoot(user) || (owner && keeps && joins), 'EPERM')
    if (size !== undefined) {
      demands.that(node.kind !== 'directory', 'EISDIR')
      demands.that(node.kind === 'file' || node.kind === 'directory', 'EINVAL')
      demands.that(this.mayWrite(node, user), 'EACCES')
    }
    if (demands.unmet !== undefined) return demands.unmet
    if (size !== undefined) {
      this.resize(id, size)
      if (!isRoot(user)) node.mode = unprivileged(node.mode)
    }
    if (chowns && node.kind !== 'directory') node.mode = unprivileged(node.mode)
    node.uid = uid ?? node.uid
    node.gid = gid ?? node.gid
    if (mode !== undefined) {
      const keepsGroup = isRoot(user) || member(user, node.gid)
      node.mode = keepsGroup ? mode : mode & ~S_ISGID
    }
    return succeed({ node: id })
  }

  private resize(id: NodeId, size: number): void {
    const node = this.nodes.get(id) as ModelNode
    const content = Buffer.alloc(size)
    node.content.copy(content)
    node.content = content
  }

  private mayWrite(node: ModelNode, user: User): boolean {
    return user.uid === node.uid || grants(node, user, 2)
  }

  private write({ user, node: id, offset, data }: Write): Expected {
    const node = this.nodes.get(id)
    if (node === undefined) return fail('ESTALE')
    if (node.kind !== 'file') return fail(node.kind === 'directory' ? 'EISDIR' : 'EINVAL')
    if (!this.mayWrite(node, user)) return fail('EACCES')
    if (data.length === 0) return succeed({ node: id })
    this.resize(id, Math.max(node.content.length, offset + data.length))
    data.copy(node.content, offset)
    if (!isRoot(user)) node.mode = unprivileged(node.mode)
    return succeed({ node: id })
  }

  private read({ user, node: id, offset, count }: Read): Expected {
    const node = this.nodes.get(id)
    if (node === undefined) return fail('ESTALE')
    if (node.kind !== 'file') return fail(node.kind === 'directory' ? 'EISDIR' : 'EINVAL')
    const may = user.uid === node.uid || grants(node, user, 4) || grants(node, user, 1)
    if (!may) return fail('EACCES')
    const data = node.content.subarray(offset, offset + count)
    return succeed({ node: id, data, eof: offset + data.length >= node.content.length })
  }

  private ask(user: User, id: NodeId, what: 'access' | 'readdir' | 'readlink'): Expected {
    const node = this.nodes.get(id)
    if (node === undefined) return fail('ESTALE')
    if (what === 'access') {
      const access = [4, 2, 1].filter((bit) => grants(node, user, bit))
      return succeed({ node: id, access: access.reduce((sum, bit) => sum + bit, 0) })
    }
    if (what === 'readlink') {
      return node.kind === 'symlink' ? succeed({ node: id, target: node.target }) : fail('EINVAL')
    }
    if (node.kind !== 'directory') return fail('ENOTDIR')
    if (!grants(node, user, 4)) return fail('EACCES')
    return succeed({ node: id, names: [...node.entries.keys()].sort() })
  }

  visible(id: NodeId): Visible {
    return visibleOf(this.nodes.get(id) as ModelNode)
  }

  /** Everything, by path. */
  tree(): Tree {
    const tree = new Map<string, PathState>()
    const first = new Map<NodeId, string>()
    const visit = (path: string, node: ModelNode): void => {
      if (!first.has(node.id)) first.set(node.id, path)
      const same = first.get(node.id) as string
      const seen = { ...visibleOf(node), same }
      if (node.kind === 'file') tree.set(path, { ...seen, content: hashOf(node.content) })
      else if (node.kind === 'symlink') tree.set(path, { ...seen, target: node.target })
      else tree.set(path, seen)
      for (const name of [...node.entries.keys()].sort()) {
        visit(`${path}/${name}`, this.nodes.get(node.entries.get(name) as NodeId) as ModelNode)
      }
    }
    visit('', this.nodes.get(ROOT) as ModelNode)
    return tree
  }
}
