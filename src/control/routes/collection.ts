import type { FastifyInstance } from 'fastify'
import { servingNow, unlessLost } from '../admin.ts'
import type { CollectionAnswer } from '../answers.ts'
import type { Running } from '../running.ts'
import { count, object, responses } from '../schemas.ts'

const collectionAnswer = object({
  versions: { ...count, description: 'Past versions that retention does not cover, forgotten.' },
  segments: { ...count, description: 'Files of content that went.' },
  bytes: { ...count, description: 'Of those files. What was of use in them was moved before.' },
  moved: { ...count, description: 'Blocks that were moved.' },
  dropped: { ...count, description: 'Blocks that nothing refers to any more.' },
  damaged: { ...count, description: 'Blocks that cannot be read. Their files stay.' },
})

/** The server does the same by itself every few minutes. */
export function collectionRoute(app: FastifyInstance, running: Running): void {
  app.post(
    '/v1/collection',
    {
      schema: {
        tags: ['server'],
        summary: 'Forget what retention does not cover, and give its space back',
        description:
          'One round, now, of what the server does from time to time. A round empties a bounded ' +
          'number of files: repeat it until it finds none.',
        response: responses(200, 'What the round came to.', collectionAnswer),
      },
    },
    async (): Promise<CollectionAnswer> => {
      const { engine, lost } = servingNow(running)
      const { versions } = await unlessLost(lost, engine.follower.prune())
      return { versions, ...(await unlessLost(lost, engine.collector.collect())) }
    },
  )
}
