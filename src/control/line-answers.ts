/**
 * Answers of any length: JSON objects, one a line, as they come (application/x-ndjson). What goes
 * wrong before anything was sent is a problem like any other; afterwards it is the last line,
 * `{"problem": {…}}`. An empty line now and then says that the work goes on.
 */
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import type { Pause } from '../commands/past/pause.ts'
import { letPause } from './patience.ts'
import { Problem } from './problem.ts'
import type { Serving } from './running.ts'
import { responses } from './schemas.ts'

const LINES_TYPE = 'application/x-ndjson; charset=utf-8'
/** The answer begins by then, whatever is known. */
const BEGIN_MILLIS = 2000
const SIGN_OF_LIFE_MILLIS = 10_000

/** Nobody reads the answer any more. */
class GoneError extends Error {
  override readonly name = 'GoneError'
}

type Item = Readonly<Record<string, unknown>> | object

/**
 * Answers with what `work` yields. It runs as fast as it is read, and ends when the reader goes or
 * the engine is lost.
 */
export async function answerLines(
  reply: FastifyReply,
  { lost }: Serving,
  work: (pause: Pause) => AsyncIterable<Item>,
): Promise<FastifyReply> {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const pause = async () => {
    await nextTurn()
    if (gone.signal.aborted) throw new GoneError('the reader went away')
    if (lost.aborted) throw Problem.of('interrupted', 'The journal broke off meanwhile. Try again.')
  }
  const items = work(pause)[Symbol.asyncIterator]()
  const first = items.next()
  await Promise.race([first, new Promise((resolve) => setTimeout(resolve, BEGIN_MILLIS).unref())])
  letPause(reply)
  const out = new PassThrough()
  void send(out, items, first, gone.signal, reply)
  return reply.type(LINES_TYPE).send(out)
}

async function send(
  out: PassThrough,
  items: AsyncIterator<Item>,
  first: Promise<IteratorResult<Item>>,
  gone: AbortSignal,
  reply: FastifyReply,
): Promise<void> {
  const alive = setInterval(() => out.writableNeedDrain || out.write('\n'), SIGN_OF_LIFE_MILLIS)
  try {
    for (let next = await first; next.done !== true; next = await items.next()) {
      if (!out.write(`${JSON.stringify(next.value)}\n`)) await once(out, 'drain', { signal: gone })
    }
  } catch (error) {
    if (!gone.aborted) out.write(`${JSON.stringify({ problem: problemOf(error, reply).body })}\n`)
  } finally {
    clearInterval(alive)
    out.end()
  }
}

function problemOf(error: unknown, { request }: FastifyReply): Problem {
  if (error instanceof Problem) return error
  request.log.error({ err: error, method: request.method, url: request.url }, 'request failed')
  return Problem.of('fault', 'The log says what it is.')
}

/** The schemas of such answers, for the document. */
export const lineResponses = (description: string, schema: object) => ({
  ...responses(200, description),
  200: { description, content: { 'application/x-ndjson': { schema } } },
})
