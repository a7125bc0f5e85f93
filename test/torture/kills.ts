/** How and when a server ends. */
import { type FaultPoint, faultPoints } from '../../src/platform/fault.ts'
import type { SeededRandom } from '../seeded-random.ts'

export type Kill =
  /** When a thread passes a place for the Nth time. */
  | { readonly kind: 'fault'; readonly point: FaultPoint; readonly pass: number }
  /** So many milliseconds after clients began to work, or after the process was started. */
  | { readonly kind: 'moment' | 'starting'; readonly millis: number }
  /** So many milliseconds after it was asked to stop in good order. */
  | { readonly kind: 'stopping'; readonly millis: number }
  /** At the Nth step of writing or syncing: of servers whose power is cut. */
  | { readonly kind: 'step'; readonly steps: number }

/** Points that are passed often: which pass it is should differ. */
const OFTEN = /^(file\.(write|written|synced)|frame|stream|seal|store|flush|index)/
/** Points that are passed only when somebody asks for it. */
const MAINTAINED = /^(prune|collect|compact|file\.removed)/

export const needsMaintenance = (kill: Kill): boolean =>
  kill.kind === 'fault' && MAINTAINED.test(kill.point)

export const someMoment = (random: SeededRandom): Kill => ({
  kind: 'moment',
  millis: random.between(20, 700),
})

export function someKill(random: SeededRandom): Kill {
  const kind = random.weighted({ fault: 55, moment: 32, starting: 8, stopping: 5 })
  if (kind === 'moment') return someMoment(random)
  if (kind !== 'fault') return { kind, millis: random.between(20, 1200) }
  const point = random.pick(faultPoints)
  const most = OFTEN.test(point) ? random.pick([1, 5, 30]) : 1
  return { kind, point, pass: random.between(1, most) }
}

export function someCut(random: SeededRandom): Kill {
  if (random.chance(0.3)) return someKill(random)
  return { kind: 'step', steps: random.between(1, random.pick([30, 300, 3000])) }
}

/** What tells a process to end so. */
export function environmentOf(kill: Kill): Record<string, string> {
  if (kill.kind === 'fault') return { DITTOFS_FAULT: `${kill.point}:${kill.pass}` }
  return kill.kind === 'step' ? { POWER_CUT: String(kill.steps) } : {}
}
