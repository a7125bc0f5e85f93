/** Users and groups: who a number is, and which groups the server says somebody is in. */
import { accepted, type Decide, refused } from '../decider.ts'

export interface CreateUser {
  readonly type: 'CreateUser'
  readonly uid: number
  readonly name: string
  readonly gid: number
  readonly gids: readonly number[]
}

export interface DeleteUser {
  readonly type: 'DeleteUser'
  readonly name: string
}

export interface CreateGroup {
  readonly type: 'CreateGroup'
  readonly gid: number
  readonly name: string
}

export interface DeleteGroup {
  readonly type: 'DeleteGroup'
  readonly name: string
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}$/
const GROUPS_MAX = 1024
const USERS_MAX = 100_000

const isId = (n: number): boolean => Number.isInteger(n) && n >= 0 && n < 2 ** 32 - 1

export const createUser: Decide<CreateUser> = (world, { uid, name, gid, gids }) => {
  const valid = NAME.test(name) && isId(uid) && isId(gid) && gids.every(isId)
  if (!valid || gids.length > GROUPS_MAX) return refused('invalid')
  const { users } = world.control
  if (users.size >= USERS_MAX) return refused('noSpace')
  for (const user of users.values()) {
    if (user.uid === uid || user.name === name) return refused('exists')
  }
  return accepted([{ type: 'UserCreated', uid, name, gid, gids }], uid)
}

export const deleteUser: Decide<DeleteUser> = (world, { name }) => {
  for (const user of world.control.users.values()) {
    if (user.name === name) return accepted([{ type: 'UserDeleted', uid: user.uid }], user.uid)
  }
  return refused('unknown')
}

export const createGroup: Decide<CreateGroup> = (world, { gid, name }) => {
  if (!NAME.test(name) || !isId(gid)) return refused('invalid')
  const { groups } = world.control
  if (groups.size >= USERS_MAX) return refused('noSpace')
  for (const group of groups.values()) {
    if (group.gid === gid || group.name === name) return refused('exists')
  }
  return accepted([{ type: 'GroupCreated', gid, name }], gid)
}

export const deleteGroup: Decide<DeleteGroup> = (world, { name }) => {
  for (const group of world.control.groups.values()) {
    if (group.name === name) return accepted([{ type: 'GroupDeleted', gid: group.gid }], group.gid)
  }
  return refused('unknown')
}
