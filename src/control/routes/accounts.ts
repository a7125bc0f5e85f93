/** Users and groups. */
import type { FastifyInstance } from 'fastify'
import type { Command } from '../../commands/deciders.ts'
import type { Refusal } from '../../journal/refusal.ts'
import type { Group, User } from '../../projections/control.ts'
import { change, look, recorded } from '../admin.ts'
import type { Running } from '../running.ts'
import { accountName, listOf, named, object, ref, responses } from '../schemas.ts'

interface Named {
  readonly Params: { readonly name: string }
}

interface NewUser {
  readonly name: string
  readonly uid: number
  readonly gid?: number
  readonly gids?: readonly number[]
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : 1

function adviceFor(what: 'user' | 'group', name: string) {
  return (why: Refusal): string | undefined => {
    switch (why) {
      case 'exists':
        return `There is a ${what} of that name or number already. Choose others, or delete it.`
      case 'unknown':
        return `There is no ${what} ${name}. GET /v1/${what}s, or dfsctl ${what} list, lists them.`
      case 'invalid':
        return (
          'Names are 1 to 64 letters, digits and ". _ @ -", beginning with a letter, a digit or ' +
          '"_"; numbers go from 0 to 4294967294.'
        )
      default:
        return undefined
    }
  }
}

export function userRoutes(app: FastifyInstance, running: Running): void {
  const tags = ['users']
  const list = object({ users: listOf(ref('User')) })
  app.get(
    '/v1/users',
    { schema: { tags, summary: 'List the users', response: responses(200, 'By name.', list) } },
    async () => {
      const users = await look(running, ({ world }) => [...world.control.users.values()])
      return { users: users.sort(byName) }
    },
  )
  app.post<{ Body: NewUser }>(
    '/v1/users',
    {
      schema: {
        tags,
        summary: 'Create a user',
        body: ref('NewUser'),
        response: responses(201, 'It is there, and durable.', ref('User')),
      },
    },
    async (request, reply) => {
      const { name, uid, gid = uid, gids = [] } = request.body
      const user: User = { name, uid, gid, gids }
      const command = { type: 'CreateUser', ...user } as const
      const advice = adviceFor('user', name)
      const made = await change(running, { command, advice, answer: () => user })
      reply.code(201).header('location', `/v1/users/${encodeURIComponent(name)}`)
      return recorded(reply, made)
    },
  )
  deleteRoute(app, running, 'user', (name) => ({ type: 'DeleteUser', name }))
}

export function groupRoutes(app: FastifyInstance, running: Running): void {
  const tags = ['groups']
  const list = object({ groups: listOf(ref('Group')) })
  app.get(
    '/v1/groups',
    { schema: { tags, summary: 'List the groups', response: responses(200, 'By name.', list) } },
    async () => {
      const groups = await look(running, ({ world }) => [...world.control.groups.values()])
      return { groups: groups.sort(byName) }
    },
  )
  app.post<{ Body: Group }>(
    '/v1/groups',
    {
      schema: {
        tags,
        summary: 'Create a group',
        body: ref('Group'),
        response: responses(201, 'It is there, and durable.', ref('Group')),
      },
    },
    async (request, reply) => {
      const { name, gid } = request.body
      const command = { type: 'CreateGroup', name, gid } as const
      const advice = adviceFor('group', name)
      const answer = () => ({ name, gid })
      const made = await change(running, { command, advice, answer })
      reply.code(201).header('location', `/v1/groups/${encodeURIComponent(name)}`)
      return recorded(reply, made)
    },
  )
  deleteRoute(app, running, 'group', (name) => ({ type: 'DeleteGroup', name }))
}

function deleteRoute(
  app: FastifyInstance,
  running: Running,
  what: 'user' | 'group',
  commandFor: (name: string) => Command,
): void {
  app.delete<Named>(
    `/v1/${what}s/:name`,
    {
      schema: {
        tags: [`${what}s`],
        summary: `Delete a ${what}`,
        params: named(accountName),
        response: responses(204, 'It is gone.'),
      },
    },
    async (request, reply) => {
      const { name } = request.params
      const done = await change(running, {
        command: commandFor(name),
        advice: adviceFor(what, name),
        answer: () => undefined,
      })
      reply.code(204)
      return recorded(reply, done)
    },
  )
}
