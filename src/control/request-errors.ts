/** What Fastify finds wrong with a request, in words that say what to do about it. */
import type { FastifyError } from 'fastify'
import { nearest } from '../platform/config.ts'
import { Problem, type ProblemKind } from './problem.ts'

/** As ajv reports it, with `verbose` on. */
interface Violation {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
  readonly parentSchema?: {
    readonly properties?: Readonly<Record<string, unknown>>
    readonly description?: string
  }
}

/** What the first violation of a schema is about. */
export function explain(violations: readonly unknown[], part: string): Error {
  const violation = violations[0] as Violation
  const { keyword, instancePath, params, message, parentSchema } = violation
  const where = `${part}${instancePath}`
  switch (keyword) {
    case 'additionalProperties': {
      const name = String(params['additionalProperty'])
      const names = Object.keys(parentSchema?.properties ?? {})
      const hint =
        names.length === 0 ? 'leave it out' : `did you mean ${nearest(cut(name), names)}?`
      return new Error(`${where}: ${cut(name)} is not known; ${hint}`)
    }
    case 'required':
      return new Error(`${where}: ${params['missingProperty']} is missing`)
    case 'enum':
      return new Error(
        `${where}: one of ${(params['allowedValues'] as string[]).join(', ')} expected`,
      )
    default: {
      const about = parentSchema?.description
      if (keyword === 'pattern' && about !== undefined) {
        return new Error(`${where} is not valid: ${about}`)
      }
      return new Error(`${where} ${message}${about === undefined ? '' : `: ${about}`}`)
    }
  }
}

const SHOWN = 80
const cut = (name: string): string => (name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name)

const ours: Readonly<Record<string, readonly [ProblemKind, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['too-large', 'Send less: bodies may be 64 KiB.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['media-type', 'Send JSON, with Content-Type: application/json.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed', 'Send a body, or leave Content-Type out.'],
}

export function problemOf(error: FastifyError | Problem): Problem {
  if (error instanceof Problem) return error
  const known = ours[error.code]
  if (known !== undefined) return Problem.of(...known)
  const { statusCode = 500, message } = error
  if (error.validation !== undefined) return Problem.of('malformed', sentence(message))
  if (statusCode < 500) return Problem.of('malformed', sentence(message), statusCode)
  return Problem.of('fault', 'The log says what it is.')
}

const sentence = (message: string): string => (/[.?]$/.test(message) ? message : `${message}.`)
