import type { Refusal } from '../../journal/refusal.ts'
import { fileKind } from '../../projections/inode.ts'
import type { Command } from '../deciders.ts'
import type { Engine } from '../engine.ts'
import { step } from './steps.ts'
import type { UndoStep } from './undo-plan.ts'

export interface Undone {
  done: number
  /** The last record. */
  seq: number
  readonly failures: { readonly path: string; readonly why: Refusal | 'conflict' }[]
}

const FAILURES_MAX = 100

/** Takes the steps of a plan, as new commands; those with a conflict only when forced. */
export async function undo(
  engine: Engine,
  share: number,
  plan: readonly UndoStep[],
  force: boolean,
): Promise<Undone> {
  const undone: Undone = { done: 0, seq: 0, failures: [] }
  // A directory that comes back is another inode: what was in it finds it by the one it was.
  const reborn = new Map<number, number>()
  for (const planned of plan) {
    const { conflict, path } = planned
    const result =
      conflict !== undefined && !force
        ? 'conflict'
        : await take(engine, share, planned, reborn, undone)
    if (typeof result === 'number') undone.done += 1
    else if (undone.failures.length < FAILURES_MAX) undone.failures.push({ path, why: result })
  }
  await engine.stream.whenDurable(undone.seq)
  return undone
}

async function take(
  engine: Engine,
  share: number,
  planned: UndoStep,
  reborn: Map<number, number>,
  undone: Undone,
): Promise<number | Refusal> {
  const { result, seq } = await step(engine, commandOf(engine, share, planned, reborn))
  undone.seq = Math.max(undone.seq, seq)
  if (planned.action === 'bring back' && typeof result === 'number') {
    reborn.set(planned.ino, result)
  }
  return result
}

function commandOf(
  engine: Engine,
  share: number,
  { action, ino, seq, dir, name, toDir, toName }: UndoStep,
  reborn: ReadonlyMap<number, number>,
): Command {
  const where = (n: number) => reborn.get(n) ?? n
  const from = { share, ino, seq }
  switch (action) {
    case 'remove': {
      const directory = engine.world.live(share).inode(ino)?.kind === fileKind.directory
      return { type: directory ? 'RemoveDirectory' : 'RemoveFile', share, dir: where(dir), name }
    }
    case 'move back':
      return {
        type: 'RenameEntry',
        share,
        fromDir: where(dir),
        fromName: name,
        toDir: where(toDir),
        toName,
      }
    case 'bring back':
      return { type: 'RestoreInode', share, from, dir: where(dir), name, part: 'all' }
    case 'restore content':
    case 'restore attributes': {
      const part = action === 'restore content' ? 'content' : 'attributes'
      return { type: 'RestoreInode', share, from, dir: where(dir), name, part }
    }
  }
}
