/** An audit as people ask for it, and what it means. */
import { TOKEN_NAME } from '../../commands/administrator.ts'
import { parseMoment } from '../../commands/moments.ts'
import { commandCodes, operations } from '../../journal/command-names.ts'
import { type Refusal, refusals } from '../../journal/refusal.ts'
import type { Instant } from '../../platform/clock.ts'
import { nearest } from '../../platform/config.ts'
import { ANY_REFUSAL, namesIn } from '../../projections/audit-keys.ts'
import type { Control } from '../../projections/control.ts'
import { Problem } from '../problem.ts'
import type { Criteria, Place } from './query.ts'

/** As it stands in a URL. */
export interface AuditRequest {
  readonly share?: string
  readonly path?: string
  readonly user?: string
  readonly client?: string
  readonly op?: string
  readonly result?: string
  readonly since?: string
  readonly until?: string
  readonly after?: string
  readonly before?: string
  readonly order?: 'newest' | 'oldest'
  readonly limit?: string
  readonly format?: 'ndjson' | 'cef'
  readonly follow?: '0' | '1'
}

/** Values of one criterion at most. */
const VALUES_MAX = 64

const listOf = (text: string): string[] => {
  const values = text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]))
  if (values.length > 0 && values.length <= VALUES_MAX) return values
  throw Problem.of('malformed', `One to ${VALUES_MAX} values are expected, with commas between.`)
}

export function criteriaOf(request: AuditRequest, control: Pick<Control, 'users'>): Criteria {
  const { share, path, user, client, op, result } = request
  const bytes = path === undefined ? '' : bytesOf(path)
  return {
    ...(share !== undefined && { share }),
    ...(bytes !== '' && { path: bytes }),
    ...(user !== undefined && { user: usersOf(user, control) }),
    ...(client !== undefined && { clients: listOf(client) }),
    ...(op !== undefined && { what: whatOf(op) }),
    ...(result !== undefined && { results: resultsOf(result) }),
  }
}

function bytesOf(path: string): string {
  const names = namesIn(Buffer.from(path, 'utf8').toString('latin1'))
  return names.map((name) => `/${name}`).join('')
}

/** Numbers are uids; names are those of users, of whom records keep the uid. */
function usersOf(text: string, { users }: Pick<Control, 'users'>): NonNullable<Criteria['user']> {
  const uids: number[] = []
  const actors: string[] = []
  for (const name of listOf(text)) {
    const user = [...users.values()].find((each) => each.name === name)
    if (/^\d{1,10}$/.test(name)) uids.push(Number(name))
    else if (user !== undefined) uids.push(user.uid)
    else if (name === TOKEN_NAME) actors.push(name)
    else {
      throw Problem.of(
        'malformed',
        `There is no user ${name}. Give a uid, "${TOKEN_NAME}" for administrators, or a user ` +
          'that dfsctl user list lists.',
      )
    }
  }
  return { uids, actors }
}

/** `REMOVE`, `nfs3.REMOVE`, all of `nfs3`, or a command such as `RemoveFile`. */
function whatOf(text: string): NonNullable<Criteria['what']> {
  const found = { operations: [] as number[], commands: [] as number[] }
  const commandNames = Object.entries(commandCodes)
  for (const name of listOf(text)) {
    const asked = name.toLowerCase()
    const some = Object.entries(operations).filter(([full]) =>
      [full, ...full.split('.')].some((part) => part.toLowerCase() === asked),
    )
    const commands = commandNames.filter(([command]) => command.toLowerCase() === asked)
    if (some.length === 0 && commands.length === 0) throw unknownOperation(name)
    for (const [, code] of some) found.operations.push(code)
    for (const [, code] of commands) found.commands.push(code)
  }
  return found
}

function unknownOperation(name: string): Problem {
  const known = Object.keys(operations).flatMap((full) => full.split('.'))
  const near = nearest(name.slice(0, 40).toUpperCase(), known)
  return Problem.of(
    'malformed',
    `op: there is no operation or command ${name.slice(0, 40)}; did you mean ${near}?`,
  )
}

function resultsOf(text: string): number[] {
  return listOf(text).map((name) => {
    if (name === 'ok') return 0
    if (name === 'refused') return ANY_REFUSAL
    if (Object.hasOwn(refusals, name)) return refusals[name as Refusal]
    const near = nearest(name.slice(0, 40), ['ok', 'refused', ...Object.keys(refusals)])
    throw Problem.of(
      'malformed',
      `result: ok, refused or a reason expected, not ${name.slice(0, 40)}; did you mean ${near}?`,
    )
  })
}

/** `1234`, or `1234.5`; `index` is that of a record without one. */
export function placeOf(text: string, index: number): Place {
  const [seq, access = index] = text.split('.').map(Number)
  return { seq: seq as number, index: access }
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** A time, or how long ago: `2026-11-23T06:00Z`, `90m`. */
export function timeOf(name: string, text: string, now: Instant): Instant {
  const ago = /^(\d{1,9})([smhd])$/.exec(text)
  if (ago !== null) {
    const seconds = Number(ago[1]) * (UNITS[ago[2] as string] as number)
    return { sec: Math.max(0, now.sec - seconds), nsec: now.nsec }
  }
  const moment = parseMoment(text)
  if (moment?.kind === 'time') return moment.at
  throw Problem.of(
    'malformed',
    `${name}: a time such as 2026-11-23T06:00:00Z, or how long ago (90m, 24h, 7d), is expected.`,
  )
}
