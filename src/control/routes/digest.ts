import type { FastifyInstance } from 'fastify'
import type { Engine } from '../../commands/engine.ts'
import { servingNow, unlessLost, whenDurable } from '../admin.ts'
import type { DigestAnswer } from '../answers.ts'
import type { Running } from '../running.ts'
import { count, listOf, object, responses, text } from '../schemas.ts'

/** More would help nobody: one is a bug. */
const DIVERGENCES_MAX = 1000

const digestAnswer = object(
  {
    seq: { ...count, description: 'The record that it is the state after.' },
    digest: { ...text, description: 'Of everything, as `dfs digest` prints it.' },
    shares: {
      type: 'object',
      description: 'By the number of the share; 0 is the control plane.',
      additionalProperties: text,
    },
    divergences: {
      ...listOf(text),
      description: 'Rows in memory that are not what the store has. Any is a bug: report it.',
    },
  },
  ['divergences'],
)

export function digestRoute(app: FastifyInstance, running: Running): void {
  app.get<{ Querystring: { readonly audit?: '0' | '1' } }>(
    '/v1/digest',
    {
      schema: {
        tags: ['server'],
        summary: 'The digest of all state at one moment',
        description:
          'The same as that of any server, and of `dfs digest`, that has folded the same journal ' +
          'up to the same record. With audit=1 every row in memory is compared with the store, ' +
          'while clients wait: seconds, where there is much memory.',
        querystring: object(
          { audit: { type: 'string', enum: ['0', '1'], description: 'Compare rows as well.' } },
          ['audit'],
        ),
        response: responses(200, 'The digest.', digestAnswer),
      },
    },
    async (request): Promise<DigestAnswer> => {
      const serving = servingNow(running)
      const { engine, lost } = serving
      await whenDurable(serving, engine.stream.decided)
      // With all that is durable in the store, little is left to be hashed while clients wait.
      await unlessLost(lost, engine.follower.flush())
      const { seq, digests, divergences } = takenNow(engine, request.query.audit === '1')
      await whenDurable(serving, seq)
      const shares = Object.fromEntries(digests)
      const digest = digests.map(([share, value]) => `${share}:${value}`).join(' ')
      return { seq, digest, shares, ...(divergences && { divergences }) }
    },
  )
}

interface Taken {
  readonly seq: number
  /** As text, by share, ascending. */
  readonly digests: readonly (readonly [share: number, digest: string])[]
  readonly divergences: readonly string[] | undefined
}

/** In one turn: nothing is decided between what is read here. */
function takenNow({ world }: Engine, audit: boolean): Taken {
  const digests = [...world.digests()]
    .sort(([a], [b]) => a - b)
    .map(([share, digest]) => [share, digest.toString()] as const)
  const divergences = audit ? [...firstOf(world.divergences(), DIVERGENCES_MAX)] : undefined
  return { seq: world.seq, digests, divergences }
}

function* firstOf<T>(items: Iterable<T>, most: number): Iterable<T> {
  let taken = 0
  for (const item of items) {
    yield item
    taken += 1
    if (taken === most) return
  }
}
