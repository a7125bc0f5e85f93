/**
 * Brings a path back as it was: one command an object, content by reference. What is there now and
 * was not then stays, unless it is to be exactly as it was.
 */
import type { Refusal } from '../../journal/refusal.ts'
import { fileKind, type Inode, ROOT_INO } from '../../projections/inode.ts'
import type { Listing } from '../../projections/rows.ts'
import type { TreeView } from '../../projections/tree-view.ts'
import type { Engine } from '../engine.ts'
import { childrenOf } from './children.ts'
import type { Pause } from './pause.ts'
import { readable, walk } from './share-path.ts'
import { Steps } from './steps.ts'

export interface RestoreOptions {
  readonly engine: Engine
  /** What to bring back: a way in a share's tree as of record `seq`. */
  readonly from: { readonly share: number; readonly names: readonly string[]; readonly seq: number }
  /** Where to: the same way unless another is given. */
  readonly to: { readonly share: number; readonly names: readonly string[] }
  /** Whether entries of directories that were not there go. */
  readonly exact: boolean
  readonly pause: Pause
}

export interface Restored {
  readonly objects: number
  readonly removed: number
  /** Bytes of content that are there again; none was copied. */
  readonly bytes: number
  /** The last record. */
  readonly seq: number
  /** How many could not be brought back, and the first of them. */
  readonly failed: number
  readonly failures: readonly { readonly path: string; readonly why: Refusal }[]
}

const FAILURES_MAX = 100
/** Objects between two reports of how far it is. */
const REPORT_EACH = 1000

/** Reports how far it is now and then, and at the end: the last report is the result. */
export async function* restore(options: RestoreOptions): AsyncIterable<Restored | Refusal> {
  const { engine, from, to } = options
  const past = engine.world.asOf(from.share, from.seq)
  const ino = walk(past, from.names)
  if (typeof ino === 'string') {
    yield ino
    return
  }
  const work = new Restoration(options, past)
  if (to.names.length === 0) {
    if (past.inode(ino)?.kind !== fileKind.directory) {
      yield 'notDirectory'
      return
    }
    yield* work.entries(ino, ROOT_INO, '')
  } else {
    const parent = await work.parent()
    if (typeof parent === 'string') {
      yield parent
      return
    }
    yield* work.object(ino, parent, to.names.at(-1) as string, '')
  }
  yield await work.finished()
}

/** A directory that is being brought back. */
interface Level {
  readonly past: number
  readonly now: number
  readonly path: string
  /** Where it is, when it came back itself. */
  readonly place: { readonly dir: number; readonly name: string } | undefined
  readonly children: Iterator<Listing>
}

class Restoration {
  private objects = 0
  private removed = 0
  private bytes = 0
  private failed = 0
  private readonly failures: { readonly path: string; readonly why: Refusal }[] = []
  private readonly options: RestoreOptions
  private readonly past: TreeView
  private readonly steps: Steps
  /** Hard links come back as hard links: what was made of objects that have several. */
  private readonly made = new Map<number, number>()

  constructor(options: RestoreOptions, past: TreeView) {
    this.options = options
    this.past = past
    this.steps = new Steps(options.engine, options.pause)
  }

  get restored(): Restored {
    const { objects, removed, bytes, failed, failures } = this
    return { objects, removed, bytes, failed, failures, seq: this.steps.seq }
  }

  /** Retention may have moved meanwhile: then what was read last was not all that there was. */
  async finished(): Promise<Restored> {
    const { engine, from } = this.options
    await this.steps.settled()
    if (from.seq < engine.world.horizon(from.share)) this.fail('', 'outOfRetention')
    return this.restored
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
      const made = await this.bring(then, dir, name, '')
      if (typeof made === 'string') return made
      dir = made
    }
    return dir
  }

  async *object(ino: number, dir: number, name: string, path: string): AsyncIterable<Restored> {
    const level = await this.enter(ino, dir, name, path)
    if (level !== undefined) yield* this.below(level)
  }

  /** What was in a directory comes back in one that is there. */
  entries(past: number, now: number, path: string): AsyncIterable<Restored> {
    return this.below(this.level(past, now, path, undefined))
  }

  /** Trees may be deeper than the stack. */
  private async *below(first: Level): AsyncIterable<Restored> {
    const levels = [first]
    for (;;) {
      const level = levels.at(-1)
      if (level === undefined) return
      const next = level.children.next()
      if (next.done === true) {
        await this.leave(level)
        levels.pop()
        continue
      }
      const { name, ino } = next.value
      const below = await this.enter(ino, level.now, name, level.path)
      if (this.objects % REPORT_EACH === 0) yield this.restored
      if (below !== undefined) levels.push(below)
    }
  }

  private level(past: number, now: number, path: string, place: Level['place']): Level {
    return { past, now, path, place, children: childrenOf(this.past, past)[Symbol.iterator]() }
  }

  /** Brings one object back; a directory's entries are next. */
  private async enter(
    ino: number,
    dir: number,
    name: string,
    path: string,
  ): Promise<Level | undefined> {
    const inode = this.past.inode(ino)
    const here = `${path}/${readable(name)}`
    if (inode === undefined) {
      this.fail(here, 'outOfRetention')
      return undefined
    }
    const several = inode.nlink > 1 && inode.kind !== fileKind.directory
    const linked = several ? this.made.get(ino) : undefined
    const made =
      linked === undefined
        ? await this.bring(ino, dir, name, path)
        : await this.link(linked, dir, name, path)
    if (typeof made === 'string') {
      this.fail(here, made)
      return undefined
    }
    if (several) this.made.set(ino, made)
    if (inode.kind === fileKind.regular && linked === undefined) this.bytes += inode.used
    if (inode.kind !== fileKind.directory) return undefined
    return this.level(ino, made, here, { dir, name })
  }

  private async leave({ past, now, path, place }: Level): Promise<void> {
    if (this.options.exact) await this.removeOthers(past, now, path)
    // Its times have changed with its entries.
    if (place !== undefined) await this.submit(past, place.dir, place.name, 'attributes')
  }

  private async removeOthers(past: number, now: number, path: string): Promise<void> {
    const { engine, to } = this.options
    const view = engine.world.live(to.share)
    for (const { name, ino } of childrenOf(view, now)) {
      await this.steps.turn()
      if (this.past.entry(past, name) !== undefined) continue
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
      for (const child of childrenOf(view, ino)) {
        // What is below is done a turn later, however deep: the stack has an end.
        await this.steps.turn()
        const below = view.inode(child.ino)
        if (below !== undefined) await this.remove(ino, child.name, child.ino, below, here)
      }
    }
    const type = directory ? 'RemoveDirectory' : 'RemoveFile'
    const result = await this.steps.take({ type, share: to.share, dir, name })
    if (typeof result === 'string') this.fail(here, result)
    else this.removed += 1
  }

  /** Makes an entry what it was; a directory that is full and in the way is emptied first. */
  private async bring(
    ino: number,
    dir: number,
    name: string,
    path: string,
  ): Promise<number | Refusal> {
    const result = await this.submit(ino, dir, name, 'all')
    if (result !== 'notEmpty' || !this.options.exact) return result
    const view = this.options.engine.world.live(this.options.to.share)
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
    const { from, to } = this.options
    const source = { share: from.share, ino, seq: from.seq }
    const { share } = to
    const command = { type: 'RestoreInode', share, from: source, dir, name, part } as const
    const result = await this.steps.take(command)
    if (typeof result === 'number' && part === 'all') this.objects += 1
    return result
  }

  private async link(
    ino: number,
    dir: number,
    name: string,
    path: string,
  ): Promise<number | Refusal> {
    const { engine, to, exact } = this.options
    const { share } = to
    const view = engine.world.live(share)
    const there = view.entry(dir, name)?.ino
    if (there === ino) return ino
    const inode = there === undefined ? undefined : view.inode(there)
    if (there !== undefined && inode !== undefined) {
      if (inode.kind === fileKind.directory && inode.entries > 0 && !exact) return 'notEmpty'
      await this.remove(dir, name, there, inode, path)
    }
    const result = await this.steps.take({ type: 'LinkEntry', share, ino, dir, name })
    if (typeof result === 'number') this.objects += 1
    return result
  }

  private fail(path: string, why: Refusal): void {
    this.failed += 1
    if (this.failures.length < FAILURES_MAX) this.failures.push({ path, why })
  }
}
