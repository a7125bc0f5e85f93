/** What names in `.history` lead to, for every protocol that walks there. */
import type { Engine } from '../commands/engine.ts'
import { parseMoment, resolveMoment } from '../commands/moments.ts'
import type { Refusal } from '../journal/refusal.ts'
import { ROOT_INO } from '../projections/inode.ts'
import type { Share } from '../projections/share.ts'

/** The directory `.history` at a share's root, which is in no table. */
export const HISTORY_INO = 2 ** 48 - 1

/** A share's root as it was right after record `asOf`. */
export interface PastRoot {
  readonly ino: number
  readonly asOf: number
  readonly generation: number
}

/** `name`: its bytes, as latin1. */
export async function findMoment(
  engine: Engine,
  share: Share,
  name: string,
): Promise<PastRoot | Refusal> {
  const text = Buffer.from(name, 'latin1').toString('utf8')
  const moment = parseMoment(text)
  if (moment === undefined) return 'noEntry'
  const { stream, journal, world } = engine
  await engine.readable()
  const horizon = world.horizon(share.id)
  const seq = await resolveMoment(moment, share, journal, stream.durable, horizon)
  if (typeof seq === 'string') return 'noEntry'
  const root = world.asOf(share.id, seq).inode(ROOT_INO)
  return root === undefined ? 'noEntry' : { ino: ROOT_INO, asOf: seq, generation: root.generation }
}
