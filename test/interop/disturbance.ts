/** When the server is killed: moments drawn from a seed, so that a run can be repeated. */
import { setTimeout as delay } from 'node:timers/promises'
import { settings } from './settings.ts'

/**
 * Draws one to three moments, as ascending fractions of a scenario's undisturbed duration. The
 * first lies in its first half, so that a run which is a little faster is still disturbed.
 */
export function drawMoments(name: string): number[] {
  const random = generator(`${settings.seed} ${name}`)
  const kills = 1 + Math.floor(random() * 3)
  const first = 0.05 + 0.45 * random()
  const later = Array.from({ length: kills - 1 }, () => first + 0.05 + random() * (0.9 - first))
  return [first, ...later].sort((a, b) => a - b)
}

/**
 * Strikes at each moment of a scenario that takes `durationMs` undisturbed, until told to stop.
 * The clock stands still while a strike lasts, because the client cannot make progress either.
 */
export async function strikeAt(
  moments: readonly number[],
  durationMs: number,
  strike: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let reached = 0
  for (const moment of moments) {
    const pause = (moment - reached) * durationMs
    if (!(await slept(pause, signal))) return
    await strike()
    reached = moment
  }
}

async function slept(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal }).catch(() => false)
}

/** Mulberry32, seeded by an FNV-1a hash of the text. */
function generator(text: string): () => number {
  let state = 0x811c9dc5
  for (const char of text) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let z = Math.imul(state ^ (state >>> 15), 1 | state)
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}
