/**
 * Takes the steps of a plan, as new commands; those with a conflict only when forced. A step that
 * cannot be taken yet (a name is still taken, a directory not there again) waits for the others.
 */
import type { Refusal } from '../../journal/refusal.ts'
import { fileKind } from '../../projections/inode.ts'
import type { Command } from '../deciders.ts'
import type { Engine } from '../engine.ts'
import type { Pause } from './pause.ts'
import { Steps } from './steps.ts'
import type { UndoStep } from './undo-plan.ts'

export interface UndoOptions {
  readonly engine: Engine
  readonly share: number
  readonly plan: readonly UndoStep[]
  /** Also what somebody else has changed since. */
  readonly force: boolean
  readonly pause: Pause
}

/** What has become of a step. */
export interface TakenStep {
  readonly step: UndoStep
  readonly result: 'done' | 'conflict' | Refusal
}

export async function* undo(options: UndoOptions): AsyncIterable<TakenStep> {
  const work = new Undoing(options)
  const apart = (step: UndoStep) => step.conflict !== undefined && !options.force
  for (const step of options.plan.filter(apart)) yield { step, result: 'conflict' }
  let open = options.plan.filter((step) => !apart(step))
  for (let stuck = false; open.length > 0; ) {
    const left: { readonly step: UndoStep; readonly result: Refusal }[] = []
    for (const step of open) {
      const result = await work.take(step, stuck)
      if (typeof result === 'string') left.push({ step, result })
      else yield { step, result: 'done' }
    }
    const further = left.length < open.length
    if (!further && stuck) {
      yield* left
      break
    }
    stuck = !further
    open = left.map(({ step }) => step)
  }
  await work.settled()
}

class Undoing {
  private readonly options: UndoOptions
  private readonly steps: Steps
  /** A directory that comes back is another inode: what was in it finds it by the one it was. */
  private readonly reborn = new Map<number, number>()
  /** Where objects are that stepped aside. */
  private readonly aside = new Map<number, { readonly dir: number; readonly name: string }>()
  /** Names that objects are still to get: they must not lose their last one before. */
  private readonly linking = new Map<number, number>()
  /** Objects that still have to give way: what stands where they are waits for them. */
  private readonly leaving: Set<number>

  constructor(options: UndoOptions) {
    this.options = options
    this.steps = new Steps(options.engine, options.pause)
    this.leaving = new Set(
      options.plan
        .filter(({ action, conflict }) => {
          const taken = conflict === undefined || options.force
          return taken && (action === 'move back' || action === 'remove')
        })
        .map(({ ino }) => ino),
    )
    for (const { action, ino } of options.plan) if (action === 'link back') this.expect(ino, 1)
  }

  settled(): Promise<void> {
    return this.steps.settled()
  }

  /** `stuck`: no step got any further, so what is in the way of this one must step aside. */
  async take(step: UndoStep, stuck: boolean): Promise<number | Refusal> {
    const dir = this.reborn.get(step.dir) ?? step.dir
    if (step.action.endsWith('back')) {
      const why = await this.clear(step, dir, stuck)
      if (why !== undefined) return why
    }
    if (step.action === 'remove' && this.isLast(step.ino)) return 'exists'
    const command = this.commandOf(step, dir)
    if (command === undefined) return 'stale'
    const result = await this.steps.take(command)
    if (typeof result === 'string') return result
    if (step.action === 'bring back') this.reborn.set(step.ino, result)
    if (step.action === 'link back') this.expect(step.ino, -1)
    this.leaving.delete(step.ino)
    return result
  }

  private expect(ino: number, names: number): void {
    this.linking.set(ino, (this.linking.get(ino) ?? 0) + names)
  }

  private isLast(ino: number): boolean {
    if ((this.linking.get(ino) ?? 0) === 0) return false
    return this.options.engine.world.live(this.options.share).inode(ino)?.nlink === 1
  }

  /** Why the name that something comes back to cannot be taken; undefined when it can. */
  private async clear(step: UndoStep, dir: number, stuck: boolean): Promise<Refusal | undefined> {
    const { share, force } = this.options
    const there = this.entry(dir, step.name)
    if (there === undefined || there === step.ino) return undefined
    if (!this.leaving.has(there)) return force ? undefined : 'exists'
    if (!stuck) return 'exists'
    // Each waits for the other, as after names were exchanged: one steps aside.
    const aside = `.undo-${there}`
    const move = { type: 'RenameEntry', share, fromDir: dir, fromName: step.name } as const
    const result = await this.steps.take({ ...move, toDir: dir, toName: aside })
    if (typeof result === 'string') return result
    this.aside.set(there, { dir, name: aside })
    return undefined
  }

  private entry(dir: number, name: string): number | undefined {
    return this.options.engine.world.live(this.options.share).entry(dir, name)?.ino
  }

  private commandOf({ action, ino, seq, name, at }: UndoStep, dir: number): Command | undefined {
    const { engine, share } = this.options
    const from = { share, ino, seq }
    const now = this.aside.get(ino)
    switch (action) {
      case 'remove': {
        const place = now ?? { dir, name }
        if (this.entry(place.dir, place.name) !== ino) return undefined
        const directory = engine.world.live(share).inode(ino)?.kind === fileKind.directory
        const type = directory ? 'RemoveDirectory' : 'RemoveFile'
        return { type, share, ...place }
      }
      case 'move back': {
        const place = now ?? at ?? { dir, name }
        const fromDir = this.reborn.get(place.dir) ?? place.dir
        if (this.entry(fromDir, place.name) !== ino) return undefined
        const to = { toDir: dir, toName: name }
        return { type: 'RenameEntry', share, fromDir, fromName: place.name, ...to }
      }
      case 'link back':
        return { type: 'LinkEntry', share, ino, dir, name }
      case 'bring back': {
        // Another name of what has come back is a link to it.
        const again = this.reborn.get(ino)
        if (again !== undefined) return { type: 'LinkEntry', share, ino: again, dir, name }
        return { type: 'RestoreInode', share, from, dir, name, part: 'all' }
      }
      case 'restore content':
      case 'restore attributes': {
        const part = action === 'restore content' ? 'content' : 'attributes'
        const place = this.placeOf(ino) ?? { dir, name }
        return { type: 'RestoreInode', share, from, ...place, part }
      }
    }
  }

  /** It may have been moved back since the plan was made. */
  private placeOf(ino: number): { readonly dir: number; readonly name: string } | undefined {
    const view = this.options.engine.world.live(this.options.share)
    const inode = view.inode(ino)
    const listing = inode && view.listing(inode.parent, inode.cookie)
    return inode && listing && { dir: inode.parent, name: listing.name }
  }
}
