/**
 * Why a command is refused: one closed union for every protocol. The numbers are part of the
 * journal's format (docs/formats/records.md): never reuse one, never renumber.
 *
 * Each protocol maps all of them with `satisfies Record<Refusal, number>`, so that a new refusal
 * does not compile until every protocol has an answer.
 */
export const refusals = {
  /** The handle names nothing that exists (any more). */
  stale: 1,
  /** The handle was not made by this server. */
  badHandle: 2,
  noEntry: 3,
  exists: 4,
  notDirectory: 5,
  isDirectory: 6,
  notEmpty: 7,
  /** The mode bits or the export deny it. */
  accessDenied: 8,
  /** Only the owner or root may. */
  notPermitted: 9,
  readOnly: 10,
  nameTooLong: 11,
  invalid: 12,
  /** The two objects lie in different shares. */
  crossShare: 13,
  tooManyLinks: 14,
  fileTooLarge: 15,
  noSpace: 16,
  quotaExceeded: 17,
  notSupported: 18,
  /** A guarded change found another ctime than the client expected. */
  guardMismatch: 19,
  badType: 20,
  badCookie: 21,
  /** The reply buffer cannot hold even one entry. */
  tooSmall: 22,
  /** Damaged or unreadable content. */
  inputOutput: 23,
  /** Try again later: something that must finish first is under way. */
  delayed: 24,
  /** Something in the server is wrong; the log says what. */
  serverFault: 25,
  /** A share, user, group or client of that name or number does not exist. */
  unknown: 26,
  /** The moment asked for lies outside the retention window. */
  outOfRetention: 27,
  emptyName: 28,
} as const

export type Refusal = keyof typeof refusals

const byCode = new Map<number, Refusal>(
  Object.entries(refusals).map(([name, code]) => [code, name as Refusal]),
)

export function refusalOf(code: number): Refusal {
  return byCode.get(code) ?? 'serverFault'
}
