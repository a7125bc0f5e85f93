import { SYSTEM } from '../../src/auth/principal.ts'
import type { Accepted } from '../../src/commands/decider.ts'
import type { Command } from '../../src/commands/deciders.ts'
import { Engine, type EngineOptions } from '../../src/commands/engine.ts'
import { NO_ORIGIN } from '../../src/commands/stream.ts'
import { noAttributes } from '../../src/commands/tree/new-object.ts'
import { MiB } from '../../src/platform/limits.ts'
import { silentLog } from '../../src/platform/log.ts'
import { ROOT_INO } from '../../src/projections/inode.ts'

export const SHARE = 1

/** An engine with its threads on a real directory, small enough for tests. */
export function openEngine(data: string, options: Partial<EngineOptions> = {}): Promise<Engine> {
  return Engine.open({
    data,
    log: silentLog,
    projectionMemory: 8 * MiB,
    contentMemory: 8 * MiB,
    stagingBudget: 64 * MiB,
    reserve: MiB,
    firstShare: { name: '/export', options: {} },
    onFailure: (error) => {
      throw error
    },
    ...options,
  })
}

/** Submits a command that must be accepted, and waits until it is durable. */
export async function accept(engine: Engine, command: Command): Promise<Accepted> {
  const decision = engine.stream.submit(command, NO_ORIGIN)
  if (typeof decision === 'string') throw new Error(`parked: ${decision}`)
  const { outcome, seq } = decision
  if (outcome.kind !== 'accepted') throw new Error(`refused: ${outcome.why}`)
  await engine.stream.whenDurable(seq)
  return outcome
}

export async function createFile(engine: Engine, name: string, dir = ROOT_INO): Promise<number> {
  const { ino } = await accept(engine, {
    type: 'CreateFile',
    share: SHARE,
    dir,
    name,
    how: 'guarded',
    verifier: undefined,
    attributes: noAttributes,
    size: undefined,
  })
  return ino
}

export const removeFile = (engine: Engine, name: string, dir = ROOT_INO): Promise<Accepted> =>
  accept(engine, { type: 'RemoveFile', share: SHARE, dir, name })

/** Writes and makes it durable. */
export async function writeFile(
  engine: Engine,
  ino: number,
  offset: number,
  bytes: Buffer,
): Promise<void> {
  const written = engine.content.write(SHARE, ino, offset, bytes, false, NO_ORIGIN, SYSTEM)
  if (typeof written === 'string') throw new Error(`refused: ${written}`)
  await engine.content.commit(SHARE, ino)
}

export async function readFile(engine: Engine, ino: number): Promise<Buffer> {
  const view = engine.world.live(SHARE)
  const inode = view.inode(ino)
  if (inode === undefined) throw new Error(`no inode ${ino}`)
  const staged = engine.content.staged(SHARE, ino)
  const size = engine.content.sizeOf(inode, staged)
  if (size === 0) return Buffer.alloc(0)
  const parts = await engine.content.read(view, inode, staged, 0, size)
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.alloc(part) : part)))
}
