import type { FastifyInstance } from 'fastify'
import type { Engine } from '../../commands/engine.ts'
import { invalidOptions } from '../../commands/shares/share-options.ts'
import type { Refusal } from '../../journal/refusal.ts'
import { defaultShareOptions, type Share, type ShareOptions } from '../../projections/share.ts'
import { change, look, recorded } from '../admin.ts'
import type { ShareAnswer } from '../answers.ts'
import { Problem } from '../problem.ts'
import type { Running } from '../running.ts'
import { accountNumber, listOf, named, object, ref, responses, shareName } from '../schemas.ts'
import { expected, type OptionName } from '../share-option-forms.ts'

interface Named {
  readonly Params: { readonly name: string }
}

interface NewShare {
  readonly name: string
  readonly options: Partial<ShareOptions>
  readonly mode: string
  readonly uid: number
  readonly gid: number
}

const newShare = object(
  {
    name: shareName,
    options: { ...ref('ShareOptionChanges') },
    mode: {
      type: 'string',
      pattern: '^0?[0-7]{3,4}$',
      default: '777',
      description: 'Of its root directory, in octal.',
    },
    uid: { ...accountNumber, default: 0, description: 'Owner of its root directory.' },
    gid: { ...accountNumber, default: 0, description: 'Group of its root directory.' },
  },
  ['options', 'mode', 'uid', 'gid'],
)

const shareChange = object({ options: ref('ShareOptionChanges') })

const NAMES =
  'A share’s name is an absolute path such as /projects: parts of at most 255 characters, none ' +
  'of them empty, "." or "..".'

const noShare = (name: string): string =>
  `There is no share ${name}. GET /v1/shares, or dfsctl share list, lists those that are there.`

function wrongOptions(options: Partial<ShareOptions>): string | undefined {
  const wrong = invalidOptions(options) as readonly OptionName[]
  if (wrong.length === 0) return undefined
  return wrong.map((name) => `options/${name}: ${expected(name)} expected`).join('; ')
}

function adviceFor(name: string, options: Partial<ShareOptions>) {
  return (why: Refusal): string | undefined => {
    switch (why) {
      case 'exists':
        return `There is a share ${name} already. Change that one, or choose another name.`
      case 'unknown':
        return noShare(name)
      case 'invalid':
        return wrongOptions(options) ?? NAMES
      default:
        return undefined
    }
  }
}

function shown({ world }: Engine, share: Share): ShareAnswer {
  const { id, name } = share
  const { inodes, bytes } = world.usage(id)
  const options = { ...defaultShareOptions, ...share.options }
  return { id, name, options, inodes, bytes }
}

export function shownById(engine: Engine, id: number): ShareAnswer {
  const share = engine.world.control.shares.get(id)
  if (share === undefined) throw Problem.of('fault', `share ${id} is not there. The log says more.`)
  return shown(engine, share)
}

const pathOfShare = (name: string): string => `/v1/shares/${encodeURIComponent(name)}`

export function shareRoutes(app: FastifyInstance, running: Running): void {
  readRoutes(app, running)
  const tags = ['shares']
  app.post<{ Body: NewShare }>(
    '/v1/shares',
    {
      schema: {
        tags,
        summary: 'Create a share',
        body: newShare,
        response: responses(201, 'It is there, and durable.', ref('Share')),
      },
    },
    async (request, reply) => {
      const { name, options = {}, mode, uid, gid } = request.body
      const root = { mode: Number.parseInt(mode, 8), uid, gid }
      const command = { type: 'CreateShare', name, options, ...root } as const
      const advice = adviceFor(name, options)
      const made = await change(running, { command, advice, answer: shownById })
      reply.code(201).header('location', pathOfShare(name))
      return recorded(reply, made)
    },
  )
  app.patch<Named & { Body: { readonly options: Partial<ShareOptions> } }>(
    '/v1/shares/:name',
    {
      schema: {
        tags,
        summary: 'Change options of a share',
        description: 'Options that are not named stay as they are (RFC 7396).',
        consumes: ['application/json', 'application/merge-patch+json'],
        params: named(shareName),
        body: shareChange,
        response: responses(200, 'The share as it is now.', ref('Share')),
      },
    },
    async (request, reply) => {
      const { name } = request.params
      const { options } = request.body
      const command = { type: 'EditShare', name, options } as const
      const advice = adviceFor(name, options)
      const done = await change(running, { command, advice, answer: shownById })
      return recorded(reply, done)
    },
  )
  app.delete<Named>(
    '/v1/shares/:name',
    {
      schema: {
        tags,
        summary: 'Take a share out of service',
        description: 'Its past stays readable until its retention ends.',
        params: named(shareName),
        response: responses(204, 'It is gone.'),
      },
    },
    async (request, reply) => {
      const { name } = request.params
      const command = { type: 'DeleteShare', name } as const
      const advice = adviceFor(name, {})
      const answer = () => undefined
      const done = await change(running, { command, advice, answer })
      reply.code(204)
      return recorded(reply, done)
    },
  )
}

function readRoutes(app: FastifyInstance, running: Running): void {
  const tags = ['shares']
  app.get(
    '/v1/shares',
    {
      schema: {
        tags,
        summary: 'List the shares',
        response: responses(200, 'By name.', object({ shares: listOf(ref('Share')) })),
      },
    },
    async () => {
      const shares = await look(running, (engine) =>
        [...engine.world.control.shares.values()]
          .filter(({ deleted }) => deleted === 0)
          .map((share) => shown(engine, share)),
      )
      return { shares: shares.sort((a, b) => (a.name < b.name ? -1 : 1)) }
    },
  )
  app.get<Named>(
    '/v1/shares/:name',
    {
      schema: {
        tags,
        summary: 'Show a share',
        params: named(shareName),
        response: responses(200, 'The share.', ref('Share')),
      },
    },
    async (request) => {
      const { name } = request.params
      return look(running, (engine) => {
        const share = engine.world.control.shareByName(name)
        if (share === undefined) throw Problem.refused('unknown', noShare(name))
        return shown(engine, share)
      })
    },
  )
}
