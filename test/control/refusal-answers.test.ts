import assert from 'node:assert/strict'
import { STATUS_CODES } from 'node:http'
import { describe, test } from 'node:test'
import { Problem } from '../../src/control/problem.ts'
import { refusalAdvice, refusalStatus } from '../../src/control/refusal-answers.ts'
import { type Refusal, refusals } from '../../src/journal/refusal.ts'

const names = Object.keys(refusals) as Refusal[]

describe('every refusal', () => {
  test('has a status, a title and advice', () => {
    assert.deepEqual(Object.keys(refusalStatus).sort(), [...names].sort())
    assert.deepEqual(Object.keys(refusalAdvice).sort(), [...names].sort())
    for (const why of names) {
      const { body } = Problem.refused(why)
      assert.ok(body.status >= 400 && STATUS_CODES[body.status] !== undefined, why)
      assert.match(body.title, /^[A-Z].*[^.]$/, why)
      assert.match(body.detail, /^[A-Z].*\.$/, why)
      assert.equal(body.type, `urn:dittofs:refusal:${why}`)
    }
  })

  test('that is a matter of time says when to ask again', () => {
    for (const why of names) {
      const { body, headers } = Problem.refused(why)
      assert.equal('retry-after' in headers, body.status === 503, why)
    }
  })
})
