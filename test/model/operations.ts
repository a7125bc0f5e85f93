/** What users of a file system ask for, and what they get: free of protocols and of our source. */

export interface User {
  readonly uid: number
  readonly gid: number
  readonly gids: readonly number[]
}

export type Errno =
  | 'EACCES'
  | 'EEXIST'
  | 'EINVAL'
  | 'EISDIR'
  | 'ENAMETOOLONG'
  | 'ENOENT'
  | 'ENOTDIR'
  | 'ENOTEMPTY'
  | 'EPERM'
  | 'ESTALE'

export type Kind = 'directory' | 'fifo' | 'file' | 'socket' | 'symlink'

/** A node as the model numbers it; what is gone keeps its number. */
export type NodeId = number

interface By {
  readonly user: User
}
interface InDirectory extends By {
  readonly dir: NodeId
  readonly name: string
}
interface OnNode extends By {
  readonly node: NodeId
}

export interface Create extends InDirectory {
  readonly kind: 'create'
  readonly mode: number
  /** Refuse a name that is taken. */
  readonly guarded: boolean
  readonly size: number | undefined
}
export interface MakeDirectory extends InDirectory {
  readonly kind: 'mkdir'
  readonly mode: number
}
export interface MakeSymlink extends InDirectory {
  readonly kind: 'symlink'
  readonly target: string
}
export interface MakeNode extends InDirectory {
  readonly kind: 'mknod'
  readonly what: 'fifo' | 'socket'
  readonly mode: number
}
export interface Link extends InDirectory {
  readonly kind: 'link'
  readonly node: NodeId
}
export interface Rename extends InDirectory {
  readonly kind: 'rename'
  readonly toDir: NodeId
  readonly toName: string
}
export interface SetAttributes extends OnNode {
  readonly kind: 'setattr'
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: number
}
export interface Write extends OnNode {
  readonly kind: 'write'
  readonly offset: number
  readonly data: Buffer
  readonly stable: boolean
}
export interface Read extends OnNode {
  readonly kind: 'read'
  readonly offset: number
  readonly count: number
}

export interface Removal extends InDirectory {
  readonly kind: 'remove' | 'rmdir'
}
/** What changes nothing. */
export type Query = Read | Lookup | Question
interface Lookup extends InDirectory {
  readonly kind: 'lookup'
}
interface Question extends OnNode {
  readonly kind: 'access' | 'readdir' | 'readlink'
}

export type Operation =
  | Create
  | MakeDirectory
  | MakeSymlink
  | MakeNode
  | Link
  | Rename
  | SetAttributes
  | Write
  | Removal
  | Query

/** Attributes that do not depend on who keeps the files: no times, no inode numbers. */
export interface Visible {
  readonly kind: Kind
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  /** Of directories nothing is said about it. */
  readonly size: number | undefined
}

export interface Success {
  /** What was found, made or changed. */
  readonly node?: NodeId
  readonly data?: Buffer
  readonly eof?: boolean
  readonly names?: readonly string[]
  readonly target?: string
  /** read 4, write 2, execute or search 1 */
  readonly access?: number
}

/** One of the errors, or success when there is a value: several errors may be right at once. */
export interface Expected {
  readonly value: Success | undefined
  readonly errors: ReadonlySet<Errno>
}

/** A path of a whole tree, with all that can be seen of what it leads to. */
export interface PathState extends Visible {
  /** Of a file: what is in it, as a hash. */
  readonly content?: string
  readonly target?: string
  /** The first path, in order, of the same object: hard links share it. */
  readonly same: string
}
export type Tree = ReadonlyMap<string, PathState>

export function describe(operation: Operation): string {
  const { user, ...rest } = operation
  const shown = Object.entries(rest).map(([key, value]) => {
    if (Buffer.isBuffer(value)) return `${key}=${value.length} bytes`
    return `${key}=${key.includes('ode') && key !== 'node' ? oct(value) : JSON.stringify(value)}`
  })
  return `${shown.join(' ')} by ${user.uid}:${user.gid}`
}

const oct = (value: unknown): string => (typeof value === 'number' ? `0${value.toString(8)}` : '-')
