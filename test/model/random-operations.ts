/** Operations that mean something: on objects that are there, mostly, and by users who may. */
import type { SeededRandom } from '../seeded-random.ts'
import type { NodeId, Operation, SetAttributes, User } from './operations.ts'
import type { PosixModel } from './posix-model.ts'
import type { ModelNode } from './posix-node.ts'

const root: User = { uid: 0, gid: 0, gids: [] }
const alice: User = { uid: 1001, gid: 1001, gids: [] }
const bob: User = { uid: 1002, gid: 1002, gids: [1500] }
/** In a group with both of them. */
const carol: User = { uid: 1003, gid: 1003, gids: [1001, 1500] }
const users = [root, alice, alice, alice, bob, bob, carol]
const groups = [0, 1001, 1002, 1003, 1500, 7]

const names = Array.from('abcdefghij')
const odd = ['.', '..', 'n'.repeat(255), 'n'.repeat(256), '\xff\x80', 'A', ' ', 'a b', '-rf', '\n']

const modes = [0o777, 0o777, 0o755, 0o750, 0o700, 0o666, 0o644, 0o640, 0o600, 0o555, 0o070, 0o007]
const special = [0o1777, 0o2775, 0o2755, 0o4755, 0o6755, 0o2644, 0o1755]

const ENOUGH_NODES = 80
const FILE_MAX = 24_000

const growing = { create: 12, mkdir: 9, symlink: 3, mknod: 2, link: 6, remove: 5, rmdir: 3 }
const shrinking = { create: 4, mkdir: 3, symlink: 1, mknod: 1, link: 2, remove: 18, rmdir: 14 }
const always = {
  rename: 12,
  setattr: 10,
  write: 12,
  read: 8,
  lookup: 5,
  readdir: 4,
  readlink: 2,
  access: 4,
}

export class RandomOperations {
  private readonly random: SeededRandom
  private readonly model: PosixModel

  constructor(random: SeededRandom, model: PosixModel) {
    this.random = random
    this.model = model
  }

  next(): Operation {
    const { random, model } = this
    const user = random.pick(users)
    const nodes = model.all()
    const kind = random.weighted({
      ...(nodes.length < ENOUGH_NODES ? growing : shrinking),
      ...always,
    })
    const mode = random.pick(modes)
    switch (kind) {
      case 'create': {
        const size = random.chance(0.2) ? random.below(FILE_MAX) : undefined
        const guarded = random.chance(0.5)
        return { kind, user, ...this.place(0.4), mode, guarded, size }
      }
      case 'mkdir':
        return { kind, user, ...this.place(0.2), mode: random.chance(0.7) ? 0o777 : mode }
      case 'symlink':
        return { kind, user, ...this.place(0.2), target: 'x'.repeat(1 + random.below(50)) }
      case 'mknod':
        return { kind, user, ...this.place(0.2), what: random.pick(['fifo', 'socket']), mode }
      case 'link':
        return { kind, user, ...this.place(0.2), node: this.some() }
      case 'remove':
      case 'rmdir':
        return { kind, user, ...this.existing(kind === 'rmdir' ? 'directory' : undefined) }
      case 'lookup':
        return { kind, user, ...this.place(0.8) }
      case 'rename': {
        const { dir: toDir, name: toName } = this.place(0.4)
        return { kind, user, ...this.existing(), toDir, toName }
      }
      case 'setattr':
        return this.setattr(user)
      case 'write': {
        const data = random.bytes(random.chance(0.05) ? 0 : 1 + random.below(6000))
        const offset = random.below(FILE_MAX - 6000)
        return { kind, user, node: this.some('file'), offset, data, stable: random.chance(0.3) }
      }
      case 'read':
        return {
          kind,
          user,
          node: this.some('file'),
          offset: random.chance(0.3) ? 0 : random.below(FILE_MAX),
          count: random.below(FILE_MAX * 2),
        }
      case 'readdir':
        return { kind, user, node: this.some('directory') }
      case 'readlink':
        return { kind, user, node: this.some('symlink') }
      case 'access':
        return { kind, user, node: this.some() }
    }
  }

  private setattr(user: User): SetAttributes {
    const { random } = this
    const what = random.weighted({ mode: 5, special: 2, owner: 3, group: 3, both: 1, size: 4 })
    // Whether a symbolic link has a mode of its own differs between systems.
    const node = what === 'size' ? this.some('file') : this.some('not a symlink')
    const setattr = { kind: 'setattr', user, node } as const
    const uid = random.pick(users).uid
    const gid = random.pick(groups)
    switch (what) {
      case 'mode':
        return { ...setattr, mode: random.pick(modes) }
      case 'special':
        return { ...setattr, mode: random.pick(special) }
      case 'owner':
        return { ...setattr, uid }
      case 'group':
        return { ...setattr, gid }
      case 'both':
        return { ...setattr, uid, gid }
      case 'size':
        return { ...setattr, size: random.chance(0.2) ? 0 : random.below(FILE_MAX) }
    }
  }

  /** A directory and a name; `taken`: how likely one that is there. */
  private place(taken: number): { dir: NodeId; name: string } {
    const { random, model } = this
    const dir = this.some('directory')
    const there = [...(model.node(dir)?.entries.keys() ?? [])]
    if (there.length > 0 && random.chance(taken)) return { dir, name: random.pick(there) }
    return { dir, name: random.chance(0.08) ? random.pick(odd) : random.pick(names) }
  }

  /** A name that leads somewhere, mostly. */
  private existing(kind?: ModelNode['kind']): { dir: NodeId; name: string } {
    const { random, model } = this
    const entries = model
      .all()
      .flatMap((dir) => [...dir.entries].map(([name, node]) => ({ dir: dir.id, name, node })))
      .filter(({ node }) => kind === undefined || model.node(node)?.kind === kind)
    if (entries.length === 0 || random.chance(0.1)) return this.place(0.5)
    const { dir, name } = random.pick(entries)
    return { dir, name }
  }

  /** A node of a kind, mostly; sometimes any, and sometimes one that is gone. */
  private some(wanted?: ModelNode['kind'] | 'not a symlink'): NodeId {
    const { random, model } = this
    if (random.chance(0.02)) return random.between(1, model.end - 1)
    const fits = ({ kind }: ModelNode): boolean =>
      wanted === 'not a symlink' ? kind !== 'symlink' : kind === wanted
    const strict = wanted === 'not a symlink' || random.chance(0.95)
    const nodes = model.all().filter((node) => wanted === undefined || !strict || fits(node))
    return nodes.length > 0 ? random.pick(nodes).id : model.root
  }
}
