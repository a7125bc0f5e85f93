/** How the API changes and reads what the stream is about. */
import type { FastifyReply } from 'fastify'
import { adminOrigin } from '../commands/administrator.ts'
import type { Command } from '../commands/deciders.ts'
import type { Engine } from '../commands/engine.ts'
import type { Refusal } from '../journal/refusal.ts'
import { Problem } from './problem.ts'
import type { Running, Serving } from './running.ts'
import { LateError, unlessAborted } from './unless-aborted.ts'

const WHY_NOT = {
  starting: 'The server is replaying its journal. Try again in a moment.',
  serving: 'The server has nothing to serve. The log says why.',
  reopening: 'The journal is being reopened. Try again in a moment; the log says why.',
  stopping: 'The server is stopping. Try again when it runs again.',
} as const satisfies Record<Running['phase'], string>

export function servingNow(running: Running): Serving {
  const serving = running.serving()
  if (serving === undefined) throw Problem.of('unavailable', WHY_NOT[running.phase])
  return serving
}

export interface Change<T> {
  readonly command: Command
  /** More to the point than the general advice for a refusal. */
  readonly advice: (why: Refusal) => string | undefined
  /** What to answer. `id`: of what was made or changed. */
  readonly answer: (engine: Engine, id: number) => T
}

/** Decides a command, and answers when its record is durable. */
export async function change<T>(
  running: Running,
  { command, advice, answer }: Change<T>,
): Promise<{ readonly seq: number; readonly answer: T }> {
  const serving = servingNow(running)
  const { engine } = serving
  const decision = engine.stream.submit(command, adminOrigin())
  if (typeof decision === 'string') throw Problem.refused('delayed')
  const { outcome, seq } = decision
  // Before anything is waited for: the next change may come while this one is on its way.
  const answered = outcome.kind === 'accepted' ? answer(engine, outcome.ino) : undefined
  await whenDurable(serving, seq === 0 ? engine.stream.decided : seq)
  if (outcome.kind === 'refused') throw Problem.refused(outcome.why, advice(outcome.why))
  return { seq, answer: answered as T }
}

/** The number of the record that a change left: `dfs journal cat --from N` shows it. */
export function recorded<T>(
  reply: FastifyReply,
  { seq, answer }: { readonly seq: number; readonly answer: T },
): T {
  reply.header('dittofs-record', seq)
  return answer
}

/** What is there now, once nothing of it can be lost any more. */
export async function look<T>(running: Running, see: (engine: Engine) => T): Promise<T> {
  const serving = servingNow(running)
  const seen = see(serving.engine)
  await whenDurable(serving, serving.engine.stream.decided)
  return seen
}

/** How long an answer may take. */
const ANSWER_MILLIS = 60_000

const UNKNOWN = 'A change may have been kept or not: look, and repeat it if not.'

export async function whenDurable({ engine, lost }: Serving, seq: number): Promise<void> {
  if (seq <= engine.stream.durable) return
  await unlessLost(lost, engine.stream.whenDurable(seq))
}

/** Waits for something of an engine as long as there is hope. */
export async function unlessLost<T>(lost: AbortSignal, promise: Promise<T>): Promise<T> {
  try {
    return await unlessAborted(promise, lost, ANSWER_MILLIS)
  } catch (error) {
    if (lost.aborted) {
      throw Problem.of('interrupted', `The journal broke off meanwhile. ${UNKNOWN}`)
    }
    if (!(error instanceof LateError)) throw error
    throw Problem.of('interrupted', `It takes too long; /health may say why. ${UNKNOWN}`)
  }
}
