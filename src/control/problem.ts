// RFC 9457: what went wrong, as application/problem+json.
import type { Refusal } from '../journal/refusal.ts'
import { refusalAdvice, refusalStatus } from './refusal-answers.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'
const RETRY_SECONDS = '2'

export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  /** What happened here, and what to do. */
  readonly detail: string
}

const kinds = {
  unauthorized: { status: 401, title: 'A token is needed' },
  malformed: { status: 400, title: 'The request is not valid' },
  'bad-cursor': { status: 400, title: 'Not a cursor of this journal' },
  'not-found': { status: 404, title: 'No such resource' },
  'too-large': { status: 413, title: 'The request is too large' },
  misdirected: { status: 421, title: 'Not a name of this server' },
  'media-type': { status: 415, title: 'Not a media type that is understood' },
  unavailable: { status: 503, title: 'Not serving now' },
  interrupted: { status: 503, title: 'Interrupted' },
  fault: { status: 500, title: 'Something is wrong in the server' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>

export type ProblemKind = keyof typeof kinds

/** Thrown by whatever answers a request; the API's error handler sends it. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly body: ProblemBody
  readonly headers: Readonly<Record<string, string>>

  private constructor(body: ProblemBody, headers: Readonly<Record<string, string>>) {
    super(body.detail)
    this.body = body
    this.headers = headers
  }

  static of(kind: ProblemKind, detail: string, status: number = kinds[kind].status): Problem {
    const type = `urn:dittofs:problem:${kind}`
    return new Problem({ type, title: kinds[kind].title, status, detail }, headersFor(status))
  }

  /** `detail`: more to the point than the general advice, where the request is known. */
  static refused(why: Refusal, detail: string = refusalAdvice[why].advice): Problem {
    const type = `urn:dittofs:refusal:${why}`
    const status = refusalStatus[why]
    return new Problem(
      { type, title: refusalAdvice[why].title, status, detail },
      headersFor(status),
    )
  }
}

function headersFor(status: number): Readonly<Record<string, string>> {
  if (status === 503) return { 'retry-after': RETRY_SECONDS }
  if (status === 401) return { 'www-authenticate': 'Bearer realm="dittofs"' }
  return {}
}
