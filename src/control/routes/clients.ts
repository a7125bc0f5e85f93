import type { FastifyInstance } from 'fastify'
import { readable } from '../../commands/past/share-path.ts'
import { look } from '../admin.ts'
import type { Answers } from '../answers.ts'
import type { Running } from '../running.ts'
import { listOf, object, ref, responses } from '../schemas.ts'

export function clientRoutes(app: FastifyInstance, running: Running): void {
  app.get(
    '/v1/clients',
    {
      schema: {
        tags: ['clients'],
        summary: 'List the clients',
        description: 'Every address that has used the server, until it is forgotten.',
        response: responses(200, 'By number.', object({ clients: listOf(ref('Client')) })),
      },
    },
    async (): Promise<Answers['clients']> => {
      const open = running.connectionsByAddress()
      const clients = await look(running, ({ world }) => [...world.control.clients.values()])
      return {
        clients: clients
          .sort((a, b) => a.id - b.id)
          .map(({ id, address, mounts, since }) => ({
            id,
            address,
            mounts: mounts.map(readable),
            since: new Date(since * 1000).toISOString(),
            connections: open.get(address) ?? 0,
          })),
      }
    },
  )
}
