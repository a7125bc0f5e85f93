import type { Group, User } from '../../projections/control.ts'
import type { Answers } from '../answers.ts'
import { ApiClient, apiHelp, apiOptions } from './api-client.ts'
import type { CliCommand, CliGroup } from './commands.ts'
import { neededNumber, numberFrom, numbersFrom, theOne } from './operands.ts'
import { print, textTable } from './text-table.ts'

const createUser: CliCommand = {
  name: 'create',
  summary: 'make a user',
  usage: 'NAME --uid N [--gid N] [--gids N,N…]',
  help: `Shares with --groups server take the groups of whoever calls from here, and not from the
call, which names sixteen at most.

  --uid N              the user's number
  --gid N              the primary group (the same number as --uid)
  --gids N,N…          supplementary groups

${apiHelp}`,
  options: {
    ...apiOptions,
    uid: { type: 'string' },
    gid: { type: 'string' },
    gids: { type: 'string' },
  },
  operands: true,
  run: async ({ values, positionals }) => {
    const name = theOne(positionals, 'NAME, that of the user')
    const uid = neededNumber(values, 'uid')
    const body = { name, uid, ...numberFrom(values, 'gid'), ...numbersFrom(values, 'gids') }
    const user = await new ApiClient(values).post<User>('/v1/users', body)
    print(values, user, `created ${name}`)
    return 0
  },
}

const listUsers: CliCommand = {
  name: 'list',
  summary: 'list the users',
  usage: '[--json]',
  help: apiHelp,
  options: apiOptions,
  run: async ({ values }) => {
    const answer = await new ApiClient(values).get<Answers['users']>('/v1/users')
    const rows = answer.users.map(({ name, uid, gid, gids }) => [name, uid, gid, gids.join(',')])
    print(values, answer, textTable(['NAME', 'UID', 'GID', 'GIDS'], rows))
    return 0
  },
}

const createGroup: CliCommand = {
  name: 'create',
  summary: 'make a group',
  usage: 'NAME --gid N',
  help: `  --gid N              the group's number\n\n${apiHelp}`,
  options: { ...apiOptions, gid: { type: 'string' } },
  operands: true,
  run: async ({ values, positionals }) => {
    const name = theOne(positionals, 'NAME, that of the group')
    const body = { name, gid: neededNumber(values, 'gid') }
    const group = await new ApiClient(values).post<Group>('/v1/groups', body)
    print(values, group, `created ${name}`)
    return 0
  },
}

const listGroups: CliCommand = {
  name: 'list',
  summary: 'list the groups',
  usage: '[--json]',
  help: apiHelp,
  options: apiOptions,
  run: async ({ values }) => {
    const answer = await new ApiClient(values).get<Answers['groups']>('/v1/groups')
    const rows = answer.groups.map(({ name, gid }) => [name, gid])
    print(values, answer, textTable(['NAME', 'GID'], rows))
    return 0
  },
}

const remove = (what: 'user' | 'group'): CliCommand => ({
  name: 'delete',
  summary: `delete a ${what}`,
  usage: 'NAME',
  help: `What belongs to the ${what}'s number goes on belonging to it.\n\n${apiHelp}`,
  options: apiOptions,
  operands: true,
  run: async ({ values, positionals }) => {
    const name = theOne(positionals, `NAME, that of the ${what}`)
    await new ApiClient(values).delete(`/v1/${what}s/${encodeURIComponent(name)}`)
    print(values, { deleted: name }, `deleted ${name}`)
    return 0
  },
})

export const userCommands: CliGroup = {
  name: 'user',
  summary: 'make, list and delete users',
  commands: [createUser, listUsers, remove('user')],
}

export const groupCommands: CliGroup = {
  name: 'group',
  summary: 'make, list and delete groups',
  commands: [createGroup, listGroups, remove('group')],
}
