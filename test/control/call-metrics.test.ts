import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Registry } from 'prom-client'
import { callMetrics } from '../../src/control/call-metrics.ts'
import { CallTally, LATENCY_BOUNDS, noCallMeter } from '../../src/platform/metrics.ts'

async function shown(calls: CallTally): Promise<readonly string[]> {
  const registry = new Registry()
  for (const metric of callMetrics('x_', calls)) registry.registerMetric(metric)
  return (await registry.metrics()).split('\n').filter((line) => line !== '')
}

describe('calls', () => {
  test('are counted by status and latency', async () => {
    const calls = new CallTally()
    const read = calls.procedure('nfs3', 'READ')
    read.answered(0, 40)
    read.answered(0, 50)
    read.answered(70, 51)
    read.answered(0, 60_000_000)
    const lines = await shown(calls)
    const labels = 'program="nfs3",procedure="READ"'
    assert.ok(lines.includes(`x_calls_total{${labels},status="0"} 3`))
    assert.ok(lines.includes(`x_calls_total{${labels},status="70"} 1`))
    assert.ok(lines.includes(`x_call_duration_seconds_bucket{${labels},le="0.00005"} 2`))
    assert.ok(lines.includes(`x_call_duration_seconds_bucket{${labels},le="0.0001"} 3`))
    assert.ok(lines.includes(`x_call_duration_seconds_bucket{${labels},le="5"} 3`))
    assert.ok(lines.includes(`x_call_duration_seconds_bucket{${labels},le="+Inf"} 4`))
    assert.ok(lines.includes(`x_call_duration_seconds_count{${labels}} 4`))
    assert.ok(lines.includes(`x_call_duration_seconds_sum{${labels}} 60.000141`))
    assert.ok(lines.includes('# TYPE x_call_duration_seconds histogram'))
  })

  test('of one procedure are one tally, however often it is asked for', async () => {
    const calls = new CallTally()
    calls.procedure('nfs3', 'NULL').answered(0, 1)
    calls.procedure('nfs3', 'NULL').answered(0, 1)
    calls.procedure('mount3', 'NULL').answered(0, 1)
    const counts = (await shown(calls)).filter((line) => line.startsWith('x_calls_total'))
    assert.deepEqual(
      counts.map((line) => line.split(' ').at(-1)),
      ['2', '1'],
    )
  })

  test('need not be counted', () => {
    noCallMeter.procedure('nfs3', 'READ').answered(0, 1)
  })

  test('are told apart by bounds that ascend', () => {
    const bounds: readonly number[] = LATENCY_BOUNDS
    assert.deepEqual(
      [...bounds].sort((a, b) => a - b),
      bounds,
    )
  })
})
