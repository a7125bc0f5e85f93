/** What was, and bringing it back: history, differences, restoring and undoing. */
import type { FastifyInstance } from 'fastify'
import { type Difference, diff, TooMuchError } from '../../commands/past/diff.ts'
import { historyOf, NoSuchPathError, type PastVersion } from '../../commands/past/history.ts'
import type { Pause } from '../../commands/past/pause.ts'
import { RecordReader } from '../../commands/past/record-reader.ts'
import { type Restored, restore } from '../../commands/past/restore.ts'
import { walk } from '../../commands/past/share-path.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { servingNow, whenDurable } from '../admin.ts'
import type { AtOnce } from '../at-once.ts'
import { answerLines, lineResponses } from '../line-answers.ts'
import { momentNamed, momentText, pathText, placeNamed, shareNamed } from '../moment-of.ts'
import { Problem } from '../problem.ts'
import type { Running, Serving } from '../running.ts'
import { count, flag, listOf, object, shareName, text } from '../schemas.ts'

/** Versions told at once, and the most that may be asked for. */
const VERSIONS = 1000
const VERSIONS_MAX = 100_000

const pastVersion = object(
  {
    seq: { ...count, description: 'The record that made it: PATH@SEQ is this version.' },
    time: { type: 'string', format: 'date-time' },
    change: { ...text, description: 'created, content, renamed, mode, removed …' },
    path: { ...text, description: 'Within the share, at that moment.' },
    from: { ...text, description: 'Where it was before, when it was renamed.' },
    user: text,
    uid: count,
    client: { ...text, description: 'The address that it came from.' },
    operation: { ...text, description: 'Protocol and operation: nfs3.WRITE.' },
    type: text,
    size: count,
    mode: count,
    inode: count,
  },
  ['from'],
)

const difference = object(
  {
    kind: { type: 'string', enum: ['added', 'removed', 'renamed', 'modified'] },
    path: text,
    type: text,
    from: { ...text, description: 'Where it was, when it was renamed.' },
    size: object({ from: count, to: count }),
    ranges: {
      ...listOf(object({ offset: count, length: count })),
      description: 'Where the bytes may differ, when it was modified.',
    },
    attributes: {
      ...listOf(text),
      description: 'Which others have changed; inode: it is another file by that name.',
    },
  },
  ['from', 'size', 'ranges', 'attributes'],
)

const restored = object({
  objects: { ...count, description: 'Brought back so far.' },
  removed: { ...count, description: 'Removed, since they were not there then.' },
  bytes: { ...count, description: 'Of content that is there again. None was copied.' },
  seq: { ...count, description: 'The last record.' },
  failed: count,
  failures: listOf(object({ path: text, why: text })),
})

/** `comparing`: for what remembers all that was touched between two moments. */
export function pastRoutes(app: FastifyInstance, running: Running, comparing: AtOnce): void {
  historyRoute(app, running)
  diffRoute(app, running, comparing)
  restoreRoute(app, running)
}

const tags = ['past']

function historyRoute(app: FastifyInstance, running: Running): void {
  interface Query {
    readonly path: string
    readonly before?: string
    readonly limit?: string
  }
  const number = { type: 'string', pattern: '^[1-9]\\d{0,14}$' } as const
  app.get<{ Querystring: Query }>(
    '/v1/history',
    {
      schema: {
        tags,
        summary: 'Every version of a path',
        description:
          'The last one first, followed across renames. For those before the last one that was ' +
          'told, ask again with `before` set to its seq.',
        querystring: object(
          {
            path: pathText,
            before: { ...number, description: 'Only versions of records before this one.' },
            limit: { ...number, description: `About so many; ${VERSIONS} unless it is said.` },
          },
          ['before', 'limit'],
        ),
        response: lineResponses('Versions, one a line.', pastVersion),
      },
    },
    async (request, reply) => {
      const serving = servingNow(running)
      const { engine } = serving
      const { path, before = Number.MAX_SAFE_INTEGER, limit = VERSIONS } = request.query
      const place = placeNamed(engine, path)
      const portion = { before: Number(before), limit: Math.min(Number(limit), VERSIONS_MAX) }
      const records = new RecordReader(engine)
      return answerLines(reply, serving, (pause) => {
        const record = (seq: number) => records.at(seq)
        const reading = { world: engine.world, record, pause }
        return explained(path, historyOf(reading, place, portion))
      })
    },
  )
}

async function* explained(
  path: string,
  versions: AsyncIterable<PastVersion>,
): AsyncIterable<PastVersion> {
  try {
    yield* versions
  } catch (error) {
    if (!(error instanceof NoSuchPathError)) throw error
    const { refusal } = error
    const never = `Nothing has had the path ${path}, as far back as its past is kept.`
    throw Problem.refused(refusal, ...(refusal === 'noEntry' ? [never] : []))
  }
}

function diffRoute(app: FastifyInstance, running: Running, comparing: AtOnce): void {
  interface Query {
    readonly share: string
    readonly from: string
    readonly to?: string
  }
  app.get<{ Querystring: Query }>(
    '/v1/diff',
    {
      schema: {
        tags,
        summary: 'What differs between two moments of a share',
        description: 'It takes as long as what happened in between is much.',
        querystring: object({ share: shareName, from: momentText, to: momentText }, ['to']),
        response: lineResponses('Differences, one a line, in no order.', difference),
      },
    },
    async (request, reply) => {
      const serving = servingNow(running)
      comparing.admit(reply)
      const share = shareNamed(serving.engine, request.query.share)
      const from = await momentNamed(serving, share, request.query.from)
      const to = await momentNamed(serving, share, request.query.to ?? 'now')
      if (to < from) throw Problem.of('malformed', 'FROM is the later one of the two moments.')
      return answerLines(reply, serving, (pause) => differences(serving, share.id, from, to, pause))
    },
  )
}

async function* differences(
  { engine }: Serving,
  share: number,
  from: number,
  to: number,
  pause: Pause,
): AsyncIterable<Difference> {
  const { world, journal } = engine
  const frames = journal.stored(from + 1)
  try {
    yield* diff({ world, share, from, to, frames, pause })
  } catch (error) {
    if (error instanceof TooMuchError) throw tooMuch(error)
    throw error
  }
  // What was forgotten while it was looked at would have been told as added.
  if (from < world.horizon(share)) throw Problem.refused('outOfRetention')
}

export const tooMuch = ({ message }: TooMuchError): Problem =>
  Problem.of('too-large', `${message}. Choose moments that are less far apart.`, 422)

function restoreRoute(app: FastifyInstance, running: Running): void {
  interface Body {
    readonly path: string
    readonly moment: string
    readonly to?: string
    readonly exact?: boolean
  }
  app.post<{ Body: Body }>(
    '/v1/restore',
    {
      schema: {
        tags,
        summary: 'Bring a path back as it was at a moment',
        description:
          'By reference: no content is copied. What is there now and was not then stays, unless ' +
          '`exact` is true. Lines say how far it is; the last one is the result.',
        body: object(
          {
            path: pathText,
            moment: momentText,
            to: { ...pathText, description: 'Where to; left out, where it was.' },
            exact: { ...flag, description: 'Remove what was not there then.' },
          },
          ['to', 'exact'],
        ),
        response: lineResponses('How far it is, one report a line.', restored),
      },
    },
    async (request, reply) => {
      const serving = servingNow(running)
      const { engine } = serving
      const { path, moment, to, exact = false } = request.body
      const source = placeNamed(engine, path)
      const target = to === undefined ? source : placeNamed(engine, to)
      const seq = await momentNamed(serving, source.share, moment)
      const from = { share: source.share.id, names: source.names, seq }
      const into = { share: target.share.id, names: target.names }
      return answerLines(reply, serving, (pause) => {
        const work = restore({ engine, from, to: into, exact, pause })
        // What is missing is either what to bring back, or the directory that it is to go into.
        const missing = () =>
          typeof walk(engine.world.glance(from.share, seq), from.names) === 'string'
            ? `There was no ${path} at ${moment}.`
            : `There is no directory for ${to ?? path} to go into.`
        return restoring(serving, missing, work)
      })
    },
  )
}

async function* restoring(
  serving: Serving,
  missing: () => string,
  work: AsyncIterable<Restored | Refusal>,
): AsyncIterable<Restored> {
  for await (const report of work) {
    if (typeof report !== 'string') yield report
    else if (report === 'noEntry') throw Problem.refused(report, missing())
    else throw Problem.refused(report)
  }
  await whenDurable(serving, serving.engine.stream.decided)
}
