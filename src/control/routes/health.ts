import type { FastifyInstance } from 'fastify'
import type { HealthAnswer } from '../answers.ts'
import type { Health } from '../health.ts'
import { listOf, object, text } from '../schemas.ts'

const reason = object({
  code: { ...text, description: 'not-serving, disk-full, journal, follower or pressure.' },
  detail: { ...text, description: 'What is wrong, and what to do.' },
})
const healthy = object({ status: { type: 'string', const: 'ok' } })
const ill = object({ status: { type: 'string', const: 'unavailable' }, reasons: listOf(reason) })

export function healthRoute(app: FastifyInstance, health: Health): void {
  app.get(
    '/health',
    {
      schema: {
        tags: ['server'],
        summary: 'Whether the server does what it is for',
        security: [],
        response: {
          200: { description: 'It does.', ...healthy },
          503: { description: 'It does not, or only in part.', ...ill },
        },
      },
      config: { open: true },
    },
    async (_request, reply): Promise<HealthAnswer> => {
      const reasons = health.reasons()
      reply.header('cache-control', 'no-store')
      if (reasons.length === 0) return { status: 'ok' }
      reply.code(503).header('retry-after', '2')
      return { status: 'unavailable', reasons }
    },
  )
}
