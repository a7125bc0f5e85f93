import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

export function metricsRoute(app: FastifyInstance, registry: Registry): void {
  app.get(
    '/metrics',
    {
      schema: {
        tags: ['server'],
        summary: 'Numbers for Prometheus',
        security: [],
        response: {
          200: {
            description: 'Prometheus’ text format.',
            content: { 'text/plain': { schema: { type: 'string' } } },
          },
        },
      },
      config: { open: true },
    },
    async (_request, reply) => {
      const metrics = await registry.metrics()
      return reply.type(registry.contentType).send(metrics)
    },
  )
}
