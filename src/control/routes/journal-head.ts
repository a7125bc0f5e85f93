import type { FastifyInstance } from 'fastify'
import { type HeadFile, headFile } from '../../journal/signed-head.ts'
import { servingNow, unlessLost, whenDurable } from '../admin.ts'
import type { Running } from '../running.ts'
import { count, object, responses, text } from '../schemas.ts'

const head = object({
  format: text,
  version: count,
  seq: { ...count, description: 'The last record that is durable.' },
  hash: { ...text, description: 'SHA-256 of the frame that ends with it, hexadecimal.' },
  time: { ...text, description: 'Of that record: RFC 3339.' },
  epoch: { ...count, description: 'Counts the writers that the journal has had.' },
})

export function journalHeadRoute(app: FastifyInstance, running: Running): void {
  app.get(
    '/v1/journal/head',
    {
      schema: {
        tags: ['audit'],
        summary: 'The end of the journal',
        description:
          'Its hash stands for everything before it. Signed and kept elsewhere it proves later ' +
          'that nothing of it was taken away or changed.',
        response: responses(200, 'As of everything that was decided until now.', head),
      },
    },
    async (): Promise<HeadFile> => {
      const serving = servingNow(running)
      const { engine, lost } = serving
      await whenDurable(serving, engine.stream.decided)
      const { seq, hash } = await unlessLost(lost, engine.follower.flush())
      const { sec, nsec } = await unlessLost(lost, engine.record(seq))
      const { epoch } = engine.world.control.state
      return headFile({ seq, hash: Buffer.from(hash, 'latin1'), time: { sec, nsec }, epoch })
    },
  )
}
