import type { FastifyInstance } from 'fastify'
import type { Engine } from '../../commands/engine.ts'
import { servingNow } from '../admin.ts'
import type { StatusAnswer } from '../answers.ts'
import type { Running } from '../running.ts'
import { count, flag, object, responses, text } from '../schemas.ts'
import { version } from '../version.ts'

const bytes = { ...count, description: 'Bytes.' } as const

const statusAnswer = object({
  version: text,
  uptime: { type: 'number', description: 'Seconds since the process started.' },
  epoch: { ...count, description: 'Counts the writers that the journal has had.' },
  owner: { ...text, description: 'Which process writes the journal.' },
  positions: {
    ...object({ decided: count, durable: count, published: count, flushed: count }),
    description: 'Records: decided, safe from crashes, told to subscribers, in the projections.',
  },
  backlog: {
    ...object({ records: count, bytes }),
    description: 'Decided, and not durable.',
  },
  staging: {
    ...object({ files: count, bytes }),
    description: 'Written, and in no block yet.',
  },
  memory: object({ projections: bytes, content: bytes, resident: bytes }),
  disk: object({
    free: { ...bytes, description: 'Bytes that may still be written, the reserve not among them.' },
    total: bytes,
    full: flag,
  }),
  connections: object({
    open: count,
    underWay: { ...count, description: 'Calls without a reply.' },
    paused: { ...count, description: 'Connections that are not read from.' },
  }),
  pressure: { type: ['string', 'null'], description: 'What holds clients up.' },
  reopened: { ...count, description: 'How often the stream broke since the start.' },
  shares: count,
  clients: count,
})

export function statusRoute(app: FastifyInstance, running: Running): void {
  app.get(
    '/v1/status',
    {
      schema: {
        tags: ['server'],
        summary: 'What the server is doing',
        response: responses(200, 'At this moment.', statusAnswer),
      },
    },
    async () => statusOf(running, servingNow(running).engine),
  )
}

function statusOf(running: Running, engine: Engine): StatusAnswer {
  const { stream, world, staging, space, blocks, pressure } = engine
  const { epoch, owner } = world.control.state
  const { connections: open, underWay } = running.connections()
  return {
    version,
    uptime: (Date.now() - running.startedAt) / 1000,
    epoch,
    owner,
    positions: {
      decided: stream.decided,
      durable: stream.durable,
      published: stream.published,
      flushed: world.stored.seq,
    },
    backlog: stream.backlog(),
    staging: { files: staging.size, bytes: staging.bytes },
    memory: {
      projections: world.memoryWeight(),
      content: blocks.cachedBytes,
      resident: process.memoryUsage.rss(),
    },
    disk: {
      free: Math.max(0, space.free()),
      total: space.total,
      full: space.space() === 'full',
    },
    connections: { open, underWay, paused: pressure.paused },
    pressure: pressure.blocked() ?? null,
    reopened: running.reopened,
    shares: sharesOf(engine),
    clients: world.control.clients.size,
  }
}

export function sharesOf({ world }: Engine): number {
  let there = 0
  for (const { deleted } of world.control.shares.values()) if (deleted === 0) there += 1
  return there
}
