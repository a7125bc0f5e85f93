/** Single changes that bringing something back is made of, as an administrator makes them. */
import { SYSTEM } from '../../auth/principal.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { nodeId } from '../../projections/node-id.ts'
import { adminOrigin } from '../administrator.ts'
import type { Command } from '../deciders.ts'
import type { Engine } from '../engine.ts'

/** Refusals are answers here too: one object that cannot be brought back must not stop the rest. */
export interface Done {
  /** The object, or why not. */
  readonly result: number | Refusal
  /** The record; 0 when there is none. */
  readonly seq: number
}

export async function step(engine: Engine, command: Command): Promise<Done> {
  const { share, ino } = target(engine, command)
  // Bytes that are being sealed belong to the file as it is before.
  if (ino !== 0) await engine.content.settled(share, ino)
  const decision = engine.stream.submit(command, adminOrigin(), SYSTEM)
  if (typeof decision === 'string') return { result: 'delayed', seq: 0 }
  const { outcome, seq } = decision
  if (outcome.kind === 'refused') return { result: outcome.why, seq }
  if (ino !== 0 && outcome.ino === ino) {
    engine.content.resized(share, ino, 0)
    engine.content.timesSet(share, ino)
  }
  return { result: outcome.ino, seq }
}

/** The file whose staged bytes a command makes void. */
function target(engine: Engine, command: Command): { share: number; ino: number } {
  if (command.type !== 'RestoreInode' || command.part === 'attributes') return { share: 0, ino: 0 }
  const { share, dir, name } = command
  const ino = engine.world.live(share).entry(dir, name)?.ino ?? 0
  return engine.staging.find(nodeId(share, ino)) === undefined ? { share, ino: 0 } : { share, ino }
}
