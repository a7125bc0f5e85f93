/**
 * Brings a path back as it was: one command an object, content by reference. What is there now and
 * was not then stays, unless it is to be exactly as it was.
 */

import type { Refusal } from '../../journal/refusal.ts'
import { FIRST_COOKIE, fileKind, type Inode, ROOT_INO } from '../../projections/inode.ts'
import type { TreeView } from '../../projections/tree-view.ts'
import type { Engine } from '../engine.ts'
import { readable, walk } from './share-path.ts'
import { step } from './steps.ts'

export interface RestoreOptions {
  readonly engine: Engine
  /** What to bring back: a way in a share's tree as of record `seq`. */
  readonly from: { readonly share: number; readonly names: readonly string[]; readonly seq: number }
  /** Where to: the same way unless another is given. */
  readonly to: { readonly share: number; readonly names: readonly string[] }
  /** Whether entries of directories that were not there go. */
  readonly exact: boolean
}

export interface Restored {
  objects: number
  removed: number
  /** Bytes of content that are there again; none was copied. */
  bytes: number
  /** The last record. */
  seq: number
  readonly failures: { readonly path: string; readonly why: Refusal }[]
}

const FAILURES_MAX = 100

export async function restore(options: RestoreOptions): Promise<Restored | Refusal> {
  const { engine, from, to } = options
  const past = engine.world.asOf(from.share, from.seq)
  const ino = walk(past, from.names)
  if (typeof ino === 'string') return ino
  const work = new Restoration(options, past)
  if (to.names.length === 0) {
    if (past.inode(ino)?.kind !== fileKind.directory) return 'notDirectory'
    await work.entries(ino, ROOT_INO, '')
    return work.restored
  }
  const parent = await work.parent()
  if (typeof parent === 'string') return parent
  await work.object(ino, parent, to.names.at(-1) as string, '')
  await engine.stream.whenDurable(work.restored.seq)
  return work.restored
}

class Restoration {
  readonly restored: Restored = { objects: 0, removed: 0, bytes: 0, seq: 0, failures: [] }
  private readonly options: RestoreOptions
  private readonly past: TreeView
  /** Hard links come back as hard links. */
  private readonly made = new Map<number, number>()

  constructor(options: RestoreOptions, past: TreeView) {
    this.options = options
    this.past = past
  }

  /** The directory that the object goes into; those that are missing come back on the way. */
  async parent(): Promise<number | Refusal> {
    const { engine, from, to } = this.options
    const same = from.share === to.share && from.names.join('/') === to.names.join('/')
    let dir = ROOT_INO
    let then: number | undefined = same ? ROOT_INO : undefined
    for (const name of to.names.slice(0, -1)) {
      const now = engine.world.live(to.share).entry(dir, name)?.ino
      if (then !== undefined) then = this.past.entry(then, name)?.ino
      if (now !== undefined) {
        dir = now
        continue
      }
      if (then === undefined) return 'noEntry'
      const made = await this.bring(then, dir, name, name)
      if (typeof made === 'string') return made
      dir = made
    }
    return dir
  }

  async object(ino: number, dir: number, name: string, path: string): Promise<void> {
    const inode = this.past.inode(ino)
    if (inode === undefined) return
    const here = `${path}/${readable(name)}`
    const linked =
      inode.nlink > 1 && inode.kind !== fileKind.directory ? this.made.get(ino) : undefined
    const made =
      linked === undefined
        ? await this.bring(ino, dir, name, here)
        : await this.link(linked, dir, name)
    if (typeof made === 'string') {
      this.failed(here, made)
      return
    }
    this.made.set(ino, made)
    if (inode.kind === fileKind.regular) this.restored.bytes += inode.used
    if (inode.kind !== fileKind.directory) return
    await this.entries(ino, made, here)
    // Its times have changed with its entries.
    await this.submit(ino, dir, name, 'attributes')
  }

  async entries(past: number, now: number, path: string): Promise<void> {
    for (const [, { name, ino }] of this.past.list(past, FIRST_COOKIE)) {
      await this.object(ino, now, name, path)
    }
    if (this.options.exact) await this.removeOthers(past, now, path)
  }

  private async removeOthers(past: number, now: number, path: string): Promise<void> {
    const { engine, to } = this.options
    const view = engine.world.live(to.share)
    const others = [...view.list(now, FIRST_COOKIE)].filter(
      ([, { name }]) => this.past.entry(past, name) === undefined,
    )
    for (const [, { name, ino }] of others) {
      const inode = view.inode(ino)
      if (inode !== undefined) await this.remove(now, name, ino, inode, path)
    }
  }

  private async remove(
    dir: number,
    name: string,
    ino: number,
    inode: Inode,
    path: string,
  ): Promise<void> {
    const { engine, to } = this.options
    const here = `${path}/${readable(name)}`
    const directory = inode.kind === fileKind.directory
    if (directory) {
      const view = engine.world.live(to.share)
      for (const [, child] of [...view.list(ino, FIRST_COOKIE)]) {
        const below = view.inode(child.ino)
        if (below !== undefined) await this.remove(ino, child.name, child.ino, below, here)
      }
    }
    const type = directory ? 'RemoveDirectory' : 'RemoveFile'
    const { result, seq } = await step(engine, { type, share: to.share, dir, name })
    this.restored.seq = Math.max(this.restored.seq, seq)
    if (typeof result === 'string') this.failed(here, result)
    else this.restored.removed += 1
  }

  private async bring(
    ino: number,
    dir: number,
    name: string,
    path: string,
  ): Promise<number | Refusal> {
    const result = await this.submit(ino, dir, name, 'all')
    if (result !== 'notEmpty' || !this.options.exact) return result
    // A directory is where something else was.
    const { engine, to } = this.options
    const view = engine.world.live(to.share)
    const there = view.entry(dir, name)?.ino
    const inode = there === undefined ? undefined : view.inode(there)
    if (there === undefined || inode === undefined) return result
    await this.remove(dir, name, there, inode, path)
    return this.submit(ino, dir, name, 'all')
  }

  private async submit(
    ino: number,
    dir: number,
    name: string,
    part: 'all' | 'attributes',
  ): Promise<number | Refusal> {
    const { engine, from, to } = this.options
    const source = { share: from.share, ino, seq: from.seq }
    const command = {
      type: 'RestoreInode',
      share: to.share,
      from: source,
      dir,
      name,
      part,
    } as const
    const { result, seq } = await step(engine, command)
    this.restored.seq = Math.max(this.restored.seq, seq)
    if (typeof result === 'number' && part === 'all') this.restored.objects += 1
    return result
  }

  private async link(ino: number, dir: number, name: string): Promise<number | Refusal> {
    const { engine, to } = this.options
    const there = engine.world.live(to.share).entry(dir, name)?.ino
    if (there === ino) return ino
    if (there !== undefined) await step(engine, { type: 'RemoveFile', share: to.share, dir, name })
    const { result, seq } = await step(engine, {
      type: 'LinkEntry',
      share: to.share,
      ino,
      dir,
      name,
    })
    this.restored.seq = Math.max(this.restored.seq, seq)
    if (typeof result === 'number') this.restored.objects += 1
    return result
  }

  private failed(path: string, why: Refusal): void {
    if (this.restored.failures.length < FAILURES_MAX) this.restored.failures.push({ path, why })
  }
}
