/**
 * Who administrates: where the request that is being answered came from, for the records of what it
 * changes. It goes along with what the request sets going, however many steps that takes.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { operations } from '../journal/command-names.ts'
import type { Origin } from '../journal/record.ts'
import { NO_ORIGIN } from './stream.ts'

/** What administrators are let in by. There is one token; its record says no more than that. */
export const TOKEN_NAME = 'token'

const addresses = new AsyncLocalStorage<string>()

const ADMIN: Origin = { ...NO_ORIGIN, op: operations.admin }

/** Runs `next`, and what follows from it, on behalf of whoever asks from `address`. */
export function onBehalfOf(address: string, next: () => void): void {
  addresses.run(address, next)
}

/** The origin of a command that the request being answered amounts to. */
export function adminOrigin(): Origin {
  const address = addresses.getStore()
  return address === undefined ? ADMIN : actorOrigin(operations.admin, address, TOKEN_NAME, 1)
}

export function actorOrigin(op: number, address: string, name: string, count: number): Origin {
  return { ...NO_ORIGIN, op, actor: { address: plain(address), name, count } }
}

/** IPv4 as IPv4, and without a scope. */
function plain(address: string): string {
  const unscoped = address.split('%')[0] ?? ''
  return unscoped.startsWith('::ffff:') ? unscoped.slice('::ffff:'.length) : unscoped
}
