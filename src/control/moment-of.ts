/** Shares, paths and moments as requests name them. */
import type { Engine } from '../commands/engine.ts'
import { parseMoment, resolveMoment } from '../commands/moments.ts'
import { type SharePath, sharePath } from '../commands/past/share-path.ts'
import { instantOfMillis, millisOf } from '../platform/clock.ts'
import { ROOT_INO } from '../projections/inode.ts'
import { markedAt, type Share } from '../projections/share.ts'
import { whenDurable } from './admin.ts'
import { Problem } from './problem.ts'
import type { Serving } from './running.ts'

export const MOMENT =
  'A label; a record, @1234; a time, 2026-11-23T06:00:00Z, of which parts may be left out from ' +
  'the right; how long ago, 10m, 2h or 30d; or now.'

export const momentText = { type: 'string', minLength: 1, maxLength: 100, description: MOMENT }

/** 4096 names of 255 bytes would be a megabyte: URLs and bodies are smaller anyway. */
export const pathText = {
  type: 'string',
  minLength: 1,
  maxLength: 32_768,
  description: 'A path as clients mount it, /share/dir/file, or SHARE:/dir/file.',
}

const noShare = (name: string): string =>
  `There is no share ${name}. GET /v1/shares, or dfsctl share list, lists those that are there.`

export function shareNamed({ world }: Engine, name: string): Share {
  const share = world.control.shareByName(name)
  if (share === undefined) throw Problem.refused('unknown', noShare(name))
  return share
}

export function placeNamed({ world }: Engine, text: string): SharePath {
  const place = sharePath(world.control, text)
  if (place === 'unknown') throw Problem.refused('unknown', `${text} is below no share.`)
  if (typeof place === 'string') throw Problem.refused(place)
  return place
}

const AGO = /^(\d{1,9})(s|m|h|d)$/
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

function advice({ world }: Engine, { base }: Share): string {
  if (base === undefined) return MOMENT
  const from = world.control.shares.get(base.share)?.name ?? 'a share that is gone'
  return `It began as ${from}@${base.seq}: what was before is there. ${MOMENT}`
}

function momentFrom(engine: Engine, text: string) {
  const [, amount, unit] = AGO.exec(text) ?? []
  if (amount === undefined) return parseMoment(text)
  const millis = Number(amount) * SECONDS[unit as keyof typeof SECONDS] * 1000
  const at = instantOfMillis(Math.max(0, millisOf(engine.clock.now()) - millis))
  return { kind: 'time', at } as const
}

/**
 * The record after which a moment of a share is. `now` has what clients have written so far. A
 * moment that cannot be looked at is a Problem, but one before the share existed is so only when
 * `needsTree`.
 */
export async function momentNamed(
  serving: Serving,
  share: Share,
  text: string,
  { needsTree = true } = {},
): Promise<number> {
  const { engine } = serving
  const { stream, journal, world } = engine
  if (text === 'now' && markedAt(share.labels, 'now') === undefined) {
    await engine.seal(share.id)
    const seq = stream.decided
    await whenDurable(serving, seq)
    await engine.readable()
    return seq
  }
  const moment = momentFrom(engine, text)
  if (moment === undefined) throw Problem.of('malformed', `${text} is no moment. ${MOMENT}`)
  await whenDurable(serving, stream.decided)
  await engine.readable()
  const seq = await resolveMoment(moment, share, journal, stream.durable, world.horizon(share.id))
  if (typeof seq !== 'string') {
    const before = world.glance(share.id, seq).inode(ROOT_INO) === undefined
    if (!needsTree || !before) return seq
    throw Problem.refused('noEntry', `At ${text} there was no share ${share.name} yet.`)
  }
  if (seq !== 'noEntry') throw Problem.refused(seq)
  if (!needsTree && moment.kind === 'time') return 1
  throw Problem.refused('noEntry', `${share.name} has no moment ${text}. ${advice(engine, share)}`)
}

/** A label, or a hold. */
export interface NamedMoment {
  readonly name: string
  readonly seq: number
  readonly time: string
  /** Whether it can be looked at: retention has not reached it. */
  readonly kept: boolean
}
