import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { beginToGiveWay, giveWay } from '../../src/platform/give-way.ts'

function workFor(millis: number): void {
  for (const end = performance.now() + millis; performance.now() < end; ) giveWay()
}

test('a thread that gives way stops now and then, and no other does', () => {
  const wait = mock.method(Atomics, 'wait', () => 'timed-out' as const)
  workFor(5)
  assert.equal(wait.mock.callCount(), 0)
  beginToGiveWay()
  giveWay()
  assert.equal(wait.mock.callCount(), 0, 'not at once')
  workFor(5)
  assert.ok(wait.mock.callCount() > 0)
  assert.ok(wait.mock.callCount() <= 10, 'not all the time')
  const timeouts = wait.mock.calls.map((call) => (call.arguments as unknown as number[])[3])
  assert.ok(timeouts.every((millis) => millis !== undefined && millis < 1))
  wait.mock.restore()
})
