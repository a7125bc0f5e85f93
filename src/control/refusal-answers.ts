/** What HTTP calls each refusal, and what an administrator can do about it. */
import type { Refusal } from '../journal/refusal.ts'

// RFC 9110 section 15; 507 is RFC 4918's.
export const refusalStatus = {
  stale: 410,
  badHandle: 400,
  noEntry: 404,
  exists: 409,
  notDirectory: 409,
  isDirectory: 409,
  notEmpty: 409,
  accessDenied: 403,
  notPermitted: 403,
  readOnly: 403,
  nameTooLong: 422,
  invalid: 422,
  crossShare: 409,
  tooManyLinks: 409,
  fileTooLarge: 422,
  noSpace: 507,
  quotaExceeded: 507,
  notSupported: 501,
  guardMismatch: 412,
  badType: 422,
  badCookie: 400,
  tooSmall: 400,
  inputOutput: 500,
  delayed: 503,
  serverFault: 500,
  unknown: 404,
  outOfRetention: 410,
  emptyName: 422,
} as const satisfies Record<Refusal, number>

interface Advice {
  /** The same for every occurrence. */
  readonly title: string
  readonly advice: string
}

export const refusalAdvice = {
  stale: { title: 'It is gone', advice: 'Look it up again by its name.' },
  badHandle: { title: 'Not a handle of this server', advice: 'Look it up again by its name.' },
  noEntry: { title: 'No such entry', advice: 'Check the path.' },
  exists: { title: 'It exists already', advice: 'Choose another name or number.' },
  notDirectory: { title: 'Not a directory', advice: 'Name a directory.' },
  isDirectory: { title: 'It is a directory', advice: 'Name a file.' },
  notEmpty: { title: 'The directory is not empty', advice: 'Empty it first.' },
  accessDenied: { title: 'Access denied', advice: 'Change its mode, or ask its owner.' },
  notPermitted: { title: 'Not permitted', advice: 'Only the owner or root may do this.' },
  readOnly: { title: 'The share is read-only', advice: 'Set its option readOnly to false.' },
  nameTooLong: { title: 'The name is too long', advice: 'Choose a shorter one.' },
  invalid: { title: 'Not a valid value', advice: 'GET /v1/openapi.json says what is valid.' },
  crossShare: { title: 'Two shares', advice: 'Stay within one share, or copy.' },
  tooManyLinks: { title: 'Too many links', advice: 'Remove some, or copy.' },
  fileTooLarge: { title: 'Larger than files can be', advice: 'Choose a smaller size.' },
  noSpace: { title: 'No room for more', advice: 'Delete some, or add disk space.' },
  quotaExceeded: { title: 'The quota is used up', advice: 'Raise quota, or delete something.' },
  notSupported: { title: 'Not supported', advice: 'GET /v1/openapi.json says what is.' },
  guardMismatch: { title: 'It has changed since', advice: 'Look at it again, then decide.' },
  badType: {
    title: 'Not of that type',
    advice: 'GET /v1/openapi.json says which types there are.',
  },
  badCookie: { title: 'The place in the list is gone', advice: 'Start the list again.' },
  tooSmall: { title: 'Not even one entry fits', advice: 'Ask for larger answers.' },
  inputOutput: { title: 'Damaged content', advice: 'The log says which block; restore the file.' },
  delayed: { title: 'Not now', advice: 'Try again in a moment.' },
  serverFault: { title: 'Something is wrong in the server', advice: 'The log says what.' },
  unknown: { title: 'There is none of that name', advice: 'List them to see which there are.' },
  outOfRetention: {
    title: 'That moment is no longer kept',
    advice: 'Ask for a later one; the share’s option retain says how long they are kept.',
  },
  emptyName: { title: 'The name is empty', advice: 'Give it a name.' },
} as const satisfies Record<Refusal, Advice>
