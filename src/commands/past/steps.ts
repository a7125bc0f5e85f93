/** Single changes that bringing something back is made of, as an administrator makes them. */
import { SYSTEM } from '../../auth/principal.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { fileKind } from '../../projections/inode.ts'
import { nodeId } from '../../projections/node-id.ts'
import { adminOrigin } from '../administrator.ts'
import type { Command } from '../deciders.ts'
import type { Engine } from '../engine.ts'
import type { Pause } from './pause.ts'

/** Refusals are answers here too: one object that cannot be brought back must not stop the rest. */
interface Done {
  /** The object, or why not. */
  readonly result: number | Refusal
  /** The record; 0 when there is none. */
  readonly seq: number
}

/** Records that may wait to be durable before the next step waits for them. */
const AHEAD_MAX = 500
/** Steps between two pauses. */
const AT_ONCE = 20

/** Takes steps, and lets others work in between. */
export class Steps {
  /** The last record; 0 before there is one. */
  seq = 0
  private readonly engine: Engine
  private readonly pause: Pause
  private taken = 0

  constructor(engine: Engine, pause: Pause) {
    this.engine = engine
    this.pause = pause
  }

  /** The object, or why not. */
  async take(command: Command): Promise<number | Refusal> {
    await this.turn()
    const { result, seq } = await step(this.engine, command)
    this.seq = Math.max(this.seq, seq)
    return result
  }

  /** Before whatever takes a moment of the writer's thread. */
  async turn(): Promise<void> {
    this.taken += 1
    if (this.taken % AT_ONCE !== 0) return
    await this.pause()
    await this.engine.stream.whenDurable(this.seq - AHEAD_MAX)
  }

  /** Resolves when all that was done is durable. */
  settled(): Promise<void> {
    return this.engine.stream.whenDurable(this.seq)
  }
}

async function step(engine: Engine, command: Command): Promise<Done> {
  const { share, ino } = target(engine, command)
  // Bytes that are being sealed belong to the file as it is before.
  if (ino !== 0) await engine.content.settled(share, ino)
  if (!isStored(engine, command)) return { result: 'outOfRetention', seq: 0 }
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

/**
 * Whether the content that comes back is there. A rebuild brings back moments that had been
 * forgotten and whose content was collected, until retention comes by again.
 */
function isStored({ world, blocks }: Engine, command: Command): boolean {
  if (command.type !== 'RestoreInode' || command.part === 'attributes') return true
  const { share, ino, seq } = command.from
  const past = world.asOf(share, seq)
  const source = past.inode(ino)
  if (source?.kind !== fileKind.regular || source.size === 0) return true
  const extents = past.extents(source, 0, source.size)
  return extents.every(({ block }) => block === '' || blocks.has(block))
}

/** The file whose staged bytes a command makes void. */
function target(engine: Engine, command: Command): { share: number; ino: number } {
  if (command.type !== 'RestoreInode' || command.part === 'attributes') return { share: 0, ino: 0 }
  const { share, dir, name } = command
  const ino = engine.world.live(share).entry(dir, name)?.ino ?? 0
  return engine.staging.find(nodeId(share, ino)) === undefined ? { share, ino: 0 } : { share, ino }
}
