import assert from 'node:assert/strict'
import type { Answer } from './running-server.ts'

/** RFC 9457, and a detail that says something. */
export function assertProblem(
  { status, headers, body }: Answer,
  expected: number,
  detail: RegExp,
): void {
  assert.equal(status, expected, JSON.stringify(body))
  assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
  assert.deepEqual(Object.keys(body).sort(), ['detail', 'status', 'title', 'type'])
  assert.equal(body['status'], expected)
  assert.match(String(body['type']), /^urn:dittofs:(problem|refusal):/)
  assert.match(String(body['detail']), detail)
}
