import type { FastifyInstance, FastifyRequest } from 'fastify'
import { nearest } from '../../platform/config.ts'
import { feedTypeNamed, feedTypes } from '../feed/event-types.ts'
import type { Feed } from '../feed/feed.ts'
import type { FeedFilter } from '../feed/feed-filter.ts'
import type { FeedFormat } from '../feed/feed-format.ts'
import { Problem } from '../problem.ts'
import { object, ref, shareName } from '../schemas.ts'

interface Query {
  readonly share?: string
  readonly path?: string
  readonly types?: string
  readonly after?: string
  readonly limit?: string
  readonly follow?: string
}

const CURSOR_MAX = 64
const PATH_MAX = 4096
const TYPES_MAX = 1024

const query = object(
  {
    share: { ...shareName, description: 'Of this share only.' },
    path: {
      type: 'string',
      minLength: 1,
      maxLength: PATH_MAX,
      pattern: '^/',
      description: 'Of this path in the share and what is below it; an absolute path.',
    },
    types: {
      type: 'string',
      minLength: 1,
      maxLength: TYPES_MAX,
      description: `Of these types only, with commas in between: ${feedTypes.join(', ')}.`,
    },
    after: {
      type: 'string',
      minLength: 1,
      maxLength: CURSOR_MAX,
      description:
        'Begin behind this: the id of an event, "now" (as by default), or "oldest". A header ' +
        'Last-Event-ID counts more.',
    },
    limit: {
      type: 'string',
      pattern: '^[1-9]\\d{0,8}$',
      description: 'End after so many events.',
    },
    follow: {
      type: 'string',
      enum: ['true', 'false'],
      description: 'false: end when there is nothing more at the moment.',
    },
  },
  ['share', 'path', 'types', 'after', 'limit', 'follow'],
)

const stream = { type: 'string', description: 'CloudEvents 1.0 in JSON, without end.' } as const

export function feedRoute(app: FastifyInstance, feed: Feed): void {
  app.get<{ Querystring: Query }>(
    '/v1/feed',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['feed'],
        summary: 'What changes, as it changes',
        description:
          'Every change that is durable, in order, without a gap: as server-sent events when the ' +
          'request accepts text/event-stream, as one JSON text a line otherwise. Who was cut off ' +
          'goes on behind the id of the last event.',
        querystring: query,
        response: {
          200: {
            description: 'Events until the consumer, a limit or the server ends it.',
            content: {
              'application/x-ndjson': { schema: stream },
              'text/event-stream': { schema: stream },
            },
          },
          default: {
            description: 'It did not work: RFC 9457. 410: what follows the cursor is not kept.',
            content: { 'application/problem+json': { schema: ref('Problem') } },
          },
        },
      },
    },
    async (request, reply) => {
      const { limit = '0', follow = 'true' } = request.query
      if (request.raw.httpVersion === '1.0') {
        throw Problem.of('malformed', 'The feed needs HTTP/1.1.', 505)
      }
      const filter = filterOf(request.query)
      const format = formatOf(request)
      const { after, durable } = feed.begin(
        lastEventId(request) ?? request.query.after ?? 'now',
        filter,
      )
      feed.admit()
      reply.hijack()
      const until = follow === 'true' ? null : durable
      const wanted = { filter, format, after, limit: Number(limit), until }
      feed.serve(request.raw.socket, wanted)
      return reply
    },
  )
}

function lastEventId({ headers }: FastifyRequest): string | undefined {
  const id = headers['last-event-id']
  return typeof id === 'string' && id !== '' ? id : undefined
}

function formatOf({ headers }: FastifyRequest): FeedFormat {
  const accept = headers.accept ?? '*/*'
  if (/text\/event-stream/i.test(accept)) return 'sse'
  if (/application\/(x-ndjson|jsonl|\*)|\*\/\*/i.test(accept)) return 'ndjson'
  throw Problem.of(
    'malformed',
    'Accept: text/event-stream or application/x-ndjson is what there is.',
    406,
  )
}

function filterOf({ share = '', path = '/', types }: Query): FeedFilter {
  if (path !== '/' && share === '') {
    throw Problem.of('malformed', 'querystring/path: a share has to be named with it.')
  }
  return { share, path: pathOf(path), types: types === undefined ? [] : typesOf(types) }
}

/** As bytes, without a slash at the end. */
function pathOf(path: string): string {
  const names = path.replace(/\/$/, '').split('/').slice(1)
  if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'))) {
    throw Problem.of('malformed', 'querystring/path: an absolute path without . and .. expected.')
  }
  return names.map((name) => `/${Buffer.from(name, 'utf8').toString('latin1')}`).join('')
}

function typesOf(text: string): FeedFilter['types'] {
  return text.split(',').map((name) => {
    const type = feedTypeNamed(name.trim())
    if (type !== undefined) return type
    const near = nearest(name.trim().slice(0, 40), feedTypes)
    throw Problem.of(
      'malformed',
      `querystring/types: ${name.slice(0, 40)} is no type; did you mean ${near}?`,
    )
  })
}
