import type { PackedHorizons } from '../projections/follower-thread.ts'
import { NO_ORIGIN, type Stream } from './stream.ts'

/**
 * Puts into the journal how far the past of shares goes, before any of it goes: as far as retention
 * wants it, less what holds and forks need. Resolves when whoever may have relied on the rest by
 * then is durable.
 */
export async function forgetPast(stream: Stream, wanted: PackedHorizons): Promise<void> {
  // A fork's past is settled before that of its base, which is older.
  const shares = [...wanted].sort(([a], [b]) => b - a)
  for (const [of, seq] of [...shares, [0, stream.decided] as const]) {
    stream.submit({ type: 'ForgetPast', of, seq }, NO_ORIGIN)
  }
  await stream.whenDurable(stream.decided)
}
