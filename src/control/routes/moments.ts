/** Labels, which name moments of a share; holds, which keep its past; forks, which begin there. */

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Command } from '../../commands/deciders.ts'
import type { Engine } from '../../commands/engine.ts'
import { timeName } from '../../commands/moments.ts'
import { count as countTree } from '../../commands/past/count.ts'
import { RecordReader } from '../../commands/past/record-reader.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { markedAt, type Share, type ShareOptions } from '../../projections/share.ts'
import { change, recorded, servingNow } from '../admin.ts'
import type { ShareAnswer } from '../answers.ts'
import { momentNamed, momentText, type NamedMoment, shareNamed } from '../moment-of.ts'
import type { Running } from '../running.ts'
import { count, flag, listOf, named, object, ref, responses, shareName, text } from '../schemas.ts'
import { shownById } from './shares.ts'

interface OfShare {
  readonly Params: { readonly name: string }
}

interface OfMark {
  readonly Params: { readonly name: string; readonly mark: string }
}

const markName = {
  type: 'string',
  pattern: '^[A-Za-z_][A-Za-z0-9._-]{0,99}$',
  description: 'A letter or _, then letters, digits and . _ -, 100 of them at most.',
} as const

const namedMoment = object({
  name: markName,
  seq: { ...count, description: 'The record after which the moment is.' },
  time: { type: 'string', format: 'date-time', description: 'Of that record.' },
  kept: { ...flag, description: 'Whether it can be looked at: retention has not reached it.' },
})

const atMoment = object(
  { moment: { ...momentText, description: 'Which one; left out, it is now.' } },
  ['moment'],
)

/** What labels and holds have in common. */
interface Marks {
  readonly path: 'labels' | 'holds'
  readonly one: string
  readonly about: string
  readonly of: (share: Share) => Readonly<Record<string, number>>
  readonly place: (share: number, name: string, seq: number) => Command
  readonly release: (share: number, name: string) => Command
}

const labels: Marks = {
  path: 'labels',
  one: 'label',
  about: 'A label names a moment: .history/LABEL. It does not keep it from being forgotten.',
  of: (share) => share.labels,
  place: (share, label, seq) => ({ type: 'SetLabel', share, label, seq }),
  release: (share, label) => ({ type: 'RemoveLabel', share, label }),
}

const holds: Marks = {
  path: 'holds',
  one: 'hold',
  about: 'From its moment on nothing of the share is forgotten, until the hold is released.',
  of: (share) => share.holds,
  place: (share, hold, seq) => ({ type: 'PlaceHold', share, hold, seq }),
  release: (share, hold) => ({ type: 'ReleaseHold', share, hold }),
}

export function momentRoutes(app: FastifyInstance, running: Running): void {
  for (const marks of [labels, holds]) {
    listRoute(app, running, marks)
    placeRoute(app, running, marks)
    releaseRoute(app, running, marks)
  }
  forkRoute(app, running)
}

async function shownMark(
  engine: Engine,
  records: RecordReader,
  share: Share,
  name: string,
  seq: number,
): Promise<NamedMoment> {
  const time = timeName(await records.at(seq))
  return { name, seq, time, kept: seq >= engine.world.horizon(share.id) }
}

function listRoute(app: FastifyInstance, running: Running, { path, of }: Marks): void {
  app.get<OfShare>(
    `/v1/shares/:name/${path}`,
    {
      schema: {
        tags: ['past'],
        summary: `List the ${path} of a share`,
        params: named(shareName),
        response: responses(200, 'By moment.', object({ [path]: listOf(namedMoment) })),
      },
    },
    async (request) => {
      const { engine } = servingNow(running)
      const share = shareNamed(engine, request.params.name)
      const marks = Object.entries(of(share)).sort(([, a], [, b]) => a - b)
      const records = new RecordReader(engine)
      const answer: NamedMoment[] = []
      for (const [name, seq] of marks) {
        answer.push(await shownMark(engine, records, share, name, seq))
        await nextTurn()
      }
      return { [path]: answer }
    },
  )
}

function placeRoute(app: FastifyInstance, running: Running, marks: Marks): void {
  const { path, one, about, of, place } = marks
  app.put<OfMark & { Body: { readonly moment?: string } }>(
    `/v1/shares/:name/${path}/:mark`,
    {
      schema: {
        tags: ['past'],
        summary: `Make a ${one}`,
        description: about,
        params: object({ name: shareName, mark: markName }),
        body: atMoment,
        response: responses(200, 'It is there, and durable.', namedMoment),
      },
    },
    async (request, reply) => {
      const { name, mark } = request.params
      const { moment = 'now' } = request.body
      const serving = servingNow(running)
      const share = shareNamed(serving.engine, name)
      const seq = await momentNamed(serving, share, moment)
      const answer = () => mark
      const advice = (why: Refusal) => adviceFor(why, one, mark)
      const command = place(share.id, mark, seq)
      const { seq: record } = await change(running, { command, advice, answer })
      const changed = serving.engine.world.control.shares.get(share.id) ?? share
      const now = markedAt(of(changed), mark) ?? seq
      const { engine } = serving
      const shown = await shownMark(engine, new RecordReader(engine), share, mark, now)
      return recorded(reply, { seq: record, answer: shown })
    },
  )
}

function adviceFor(why: Refusal, one: string, mark: string): string | undefined {
  if (why === 'exists') return `There is a ${one} ${mark} already: release it, or choose another.`
  if (why === 'unknown') return `There is no ${one} ${mark}.`
  if (why === 'noSpace') return `The share has as many ${one}s as it may have.`
  return undefined
}

function releaseRoute(app: FastifyInstance, running: Running, marks: Marks): void {
  const { path, one, release } = marks
  app.delete<OfMark>(
    `/v1/shares/:name/${path}/:mark`,
    {
      schema: {
        tags: ['past'],
        summary: `Remove a ${one}`,
        params: object({ name: shareName, mark: text }),
        response: responses(204, 'It is gone.'),
      },
    },
    async (request, reply) => {
      const { name, mark } = request.params
      const { engine } = servingNow(running)
      const command = release(shareNamed(engine, name).id, mark)
      const advice = (why: Refusal) => adviceFor(why, one, mark)
      const done = await change(running, { command, advice, answer: () => undefined })
      reply.code(204)
      return recorded(reply, done)
    },
  )
}

function forkRoute(app: FastifyInstance, running: Running): void {
  interface Body {
    readonly name: string
    readonly moment?: string
    readonly options?: Partial<ShareOptions>
  }
  app.post<OfShare & { Body: Body }>(
    '/v1/shares/:name/forks',
    {
      schema: {
        tags: ['past'],
        summary: 'Make a share that begins as this one was at a moment',
        description:
          'It can be written, and shares all content until that is changed. It keeps the moment ' +
          'that it stands on from being forgotten.',
        params: named(shareName),
        body: object(
          {
            name: shareName,
            moment: { ...momentText, description: 'Left out, it is now.' },
            options: { ...ref('ShareOptionChanges'), description: 'Where they differ.' },
          },
          ['moment', 'options'],
        ),
        response: responses(201, 'It is there, and durable.', ref('Share')),
      },
    },
    async (request, reply) => {
      const { name, moment = 'now', options = {} } = request.body
      const serving = servingNow(running)
      const { engine } = serving
      const base = shareNamed(engine, request.params.name)
      const seq = await momentNamed(serving, base, moment)
      const view = engine.world.asOf(base.id, seq)
      const counts = await countTree(view, async () => void (await nextTurn()))
      const command = { type: 'ForkShare', base: base.id, seq, name, options, ...counts } as const
      const advice = (why: Refusal) =>
        why === 'exists' ? `There is a share ${name} already. Choose another name.` : undefined
      const made = await change<ShareAnswer>(running, { command, advice, answer: shownById })
      reply.code(201).header('location', `/v1/shares/${encodeURIComponent(name)}`)
      return recorded(reply, made)
    },
  )
}
