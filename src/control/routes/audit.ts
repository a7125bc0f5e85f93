import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AuditDesk } from '../audit/desk.ts'
import type { AuditRequest } from '../audit/request.ts'
import { letPause } from '../patience.ts'
import { object, text } from '../schemas.ts'

const NDJSON = 'application/x-ndjson'
/** No media type is registered for it. */
const CEF = 'text/x-cef'

const said = (description: string, schema: object = { ...text, maxLength: 4096 }) => ({
  ...schema,
  description,
})
const number = { type: 'string', pattern: '^[0-9]{1,15}$' }
const place = { type: 'string', pattern: '^[0-9]{1,15}(\\.[0-9]{1,6})?$' }
const choice = (...values: readonly string[]) => ({ type: 'string', enum: values })

const fields = {
  share: said('Only of this share.'),
  path: said('Only what was at or below this path of the server’s name space at that time.'),
  user: said('By uid or name; `token`: administrators. Several with commas between.'),
  client: said('By address; `server`: what nobody has asked for. Several with commas between.'),
  op: said('`REMOVE`, `nfs3.REMOVE`, `nfs3` or a command (`RemoveFile`); several with commas.'),
  result: said('`ok`, `refused` or a reason (`accessDenied`); several with commas between.'),
  since: said('A time, or how long ago: `2026-11-23T06:00Z`, `90m`.'),
  until: said('A time, or how long ago.'),
  after: said('Only behind this record, or this access in one: `seq` or `seq.index`.', place),
  before: said('Only in front of this record, or this access in one.', place),
  order: said('Which come first. By default the newest.', choice('newest', 'oldest')),
  limit: said('Entries at most.', number),
  format: said('By default what `Accept` says, or NDJSON.', choice('ndjson', 'cef')),
  follow: said(
    '1: goes on with what comes. Blank lines keep the connection alive.',
    choice('0', '1'),
  ),
}

export function auditRoute(app: FastifyInstance, desk: AuditDesk): void {
  app.get<{ Querystring: AuditRequest }>(
    '/v1/audit',
    {
      schema: {
        tags: ['audit'],
        summary: 'Who did what, and who tried',
        description:
          'Records of the journal, a line each: JSON, or the Common Event Format. Only what no ' +
          'crash can lose is told of. An answer that does not end whole has broken off.',
        querystring: object(fields, Object.keys(fields)),
        produces: [NDJSON, CEF],
      },
    },
    (request, reply) => answer(desk, request, reply),
  )
}

async function answer(
  desk: AuditDesk,
  request: FastifyRequest<{ Querystring: AuditRequest }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const format = request.query.format ?? accepted(request.headers.accept)
  letPause(reply)
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const lines = await desk.answer({ ...request.query, format }, gone.signal)
  // It may last until the server stops, which must not wait for another request then.
  if (request.query.follow === '1') reply.header('connection', 'close')
  reply.type(`${format === 'cef' ? CEF : NDJSON}; charset=utf-8`)
  return reply.send(Readable.from(lines, { objectMode: false, highWaterMark: 64 * 1024 }))
}

const accepted = (accept = ''): 'cef' | 'ndjson' => (/\bcef\b/.test(accept) ? 'cef' : 'ndjson')
